"""Looking at a mail server while a form is filled in: a child process does it, and no web process waits for it.

The child runs ``flask account test`` and its like. What it prints goes into a file of ``scratch``, which any web
process may read meanwhile; the file stays locked for as long as the child lives. What an account is made of reaches it
by standard input: nothing of that stands in its arguments or its environment.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from postmaster import config
from postmaster.errors import PostMasterError
from postmaster.extensions import Json
from postmaster.operations import scratch
from postmaster.resources.fields import Value

# What there is to look at, with the command that does it.
COMMANDS: dict[str, tuple[str, ...]] = {
    "test": ("test", "--json-lines"),
    "certificate": ("certificate", "--json"),
    "folders": ("folders", "--json"),
    "preview": ("preview", "--json", "--limit", "10"),
    "discovery": ("discover", "--json"),
}

# Seconds after which a child is ended, whatever it does, and how many may run at a time.
TIME_LIMIT = 300
MAX_AT_A_TIME = 8

_HOME = Path(__file__).parents[2]  # from where the child finds the package

# Bytes that are read of what a child printed.
MAX_REPORT = 4_000_000


@dataclass(frozen=True)
class CheckReport:
    """What a child has found out so far. ``lines`` are the objects that it printed, ``trouble`` why there are none."""

    kind: str
    token: str
    running: bool
    lines: list[Json]
    trouble: str = ""

    @property
    def result(self) -> Json:
        """What it found out in the end; empty as long as it has not."""
        return {} if self.running or self.trouble else self.lines[-1]

    @property
    def error(self) -> Json:
        """What the mail server, or the way to it, did not do; empty if all went well."""
        return self.result.get("error") or {}

    @property
    def stages(self) -> list[Json]:
        """The stages of a test that have ended."""
        return [line for line in self.lines if "stage" in line]

    @property
    def failed(self) -> str:
        """The stage of a test that failed; empty as long as none has."""
        return next((str(line["stage"]) for line in self.stages if line["state"] == "fail"), "")

    @property
    def waiting(self) -> list[str]:
        """The names of the stages that have not."""
        planned: list[str] = next((line["stages"] for line in self.lines if "stages" in line), [])
        return planned[len(self.stages) :] if self.running else []


def start(kind: str, values: Mapping[str, Value], by: str, number: int | None = None) -> str:
    """Start a check for ``by``, with these values of the fields of account ``number``; returns the token of the report.

    Raises PostMasterError if too many do already.
    """
    if sum(_is_locked(path) for path in _recent_files()) >= MAX_AT_A_TIME:
        raise PostMasterError(
            "busy", "Several connections are being tried at this moment.", "Wait a moment, then try again."
        )
    path = scratch.new_file()
    command = [
        sys.executable,
        "-m",
        "flask",
        "--app",
        "postmaster",
        "account",
        *COMMANDS[kind],
        "--stdin",
        f"--by={by}",
        *([f"--stored={number}"] if kind == "test" and number is not None else ()),
    ]
    with path.open("ab", buffering=0) as report:
        report.write(json.dumps({"kind": kind}).encode() + b"\n")
        fcntl.flock(report, fcntl.LOCK_EX)
        child = subprocess.Popen(  # noqa: S603 - the words of COMMANDS, and a user's name
            command, stdin=subprocess.PIPE, stdout=report, stderr=report, env=_environment(), cwd=_HOME
        )
    document = json.dumps({"account": [dict(values)]}).encode()
    threading.Thread(target=_see_to, args=(child, document), daemon=True).start()
    return path.name


def _see_to(child: subprocess.Popen[bytes], document: bytes) -> None:
    """Hand the child its input, and end it when its time is up."""
    try:
        child.communicate(document, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _environment() -> dict[str, str]:
    """The environment of this process, with paths that hold wherever the child runs."""
    environment = config.current()
    paths = {"POSTMASTER_DATA_DIR": str(environment.data_dir)}
    if environment.ca_file:
        paths["POSTMASTER_CA_FILE"] = str(environment.ca_file)
    return {**os.environ, **paths, "FLASK_SKIP_DOTENV": "1"}


def read_report(kind: str, token: str) -> CheckReport | None:
    """What the child of that token has found out so far; None if nobody knows of it any more."""
    path = scratch.find_file(token)
    if path is None:
        return None
    lives = _is_locked(path)  # asked first: what is printed after this is read with the next report
    with path.open("rb") as file:
        lines, words = _parsed(file)
    if lines[:1] != [{"kind": kind}]:
        return None
    done = len(lines) > 1 and lines[-1].keys().isdisjoint(("stage", "stages"))
    return CheckReport(kind, token, lives and not done, lines[1:], "" if lives or done else _trouble(words))


def wait_for(kind: str, token: str, seconds: float) -> CheckReport | None:
    """The report when the child has ended, or as it is after ``seconds``: for browsers that cannot ask again."""
    end = time.monotonic() + seconds
    while (report := read_report(kind, token)) and report.running and time.monotonic() < end:
        time.sleep(0.1)
    return report


def _parsed(file: IO[bytes]) -> tuple[list[Json], list[str]]:
    """The objects that were printed, and the lines that are none; a line that is not complete waits."""
    lines: list[Json] = []
    words: list[str] = []
    for raw in file.read(MAX_REPORT).decode(errors="replace").splitlines(keepends=True):
        if raw.startswith("{") and raw.endswith("\n"):
            with contextlib.suppress(ValueError):
                lines.append(json.loads(raw))
                continue
        words.append(raw.strip())
    return lines, words


def _trouble(words: list[str]) -> str:
    """Why there is no result: what the command said, or that it was ended."""
    said = [line.removeprefix("Error: ") for line in words if line.startswith("Error: ")]
    return " ".join(said) or f"It took longer than {TIME_LIMIT} s, or was ended. Try again."


def _recent_files() -> Iterator[Path]:
    """Files whose child may still live."""
    for path in scratch.files():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime <= TIME_LIMIT:
                yield path


def _is_locked(path: Path) -> bool:
    """Whether the child that writes to ``path`` lives."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
