"""What it costs to start a command: its processor time, beside that of the least that such an application could be."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.servers.process import shell_environment

TOP = Path(__file__).parents[1]

# How many times the processor time of the bare app a command may take.
MOST = 1.25

BARE = (sys.executable, "-m", "flask", "--app", "bench.bare_app")
OURS = (sys.executable, "-m", "flask", "--app", "postmaster")


@dataclass(frozen=True)
class Start:
    """A command of ours, and the one of the bare app that it is compared with."""

    words: tuple[str, ...]
    beside: tuple[str, ...]
    message: Callable[[int], bytes] = lambda _number: b""

    @property
    def name(self) -> str:
        """As it is entered."""
        return " ".join(("flask", *self.words))


def _message(number: int) -> bytes:
    """One that has not come before."""
    return f"From: ada@example.net\nSubject: Hello\nMessage-ID: <{number}@example.net>\n\nHello.\n".encode()


STARTS = (
    Start(("--help",), ("--help",)),
    Start(("fetch",), ("one",)),
    Start(("read",), ("one",), _message),
)


def main() -> int:
    """Measure, and print the medians. Returns 1 if a command takes more than ``MOST`` times as long as the bare app."""
    parser = argparse.ArgumentParser(prog="bench/start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder), arguments.rounds)
    table = Table("", "ms", "bare app, ms", "ratio")
    ratios = []
    for start in STARTS:
        own, bare = median(seconds[OURS + start.words]), median(seconds[BARE + start.beside])
        ratios.append(own / bare)
        table.add_row(start.name, f"{own * 1000:.0f}", f"{bare * 1000:.0f}", f"{own / bare:.2f}")
    Console().print(table)
    return int(max(ratios) > MOST)


def measure(folder: Path, rounds: int) -> dict[tuple[str, ...], list[float]]:
    """The processor time of each command, in seconds. They take turns, so that all meet the same noise.

    The first round, which makes the database and compiles the modules, does not count.
    """
    environ = shell_environment(
        POSTMASTER_DATA_DIR=str(folder / "data"), BARE_DATABASE=str(folder / "bare.sqlite"), FLASK_SKIP_DOTENV="1"
    )
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds: dict[tuple[str, ...], list[float]] = {}
    for number in range(rounds + 1):
        for start in STARTS:
            for command, message in ((BARE + start.beside, b""), (OURS + start.words, start.message(number))):
                took = processor_seconds(command, environ, message)
                if number:
                    seconds.setdefault(command, []).append(took)
    return seconds


def processor_seconds(command: Sequence[str], environ: dict[str, str], message: bytes) -> float:
    """Run ``command``, and say how much processor time it took. Raises RuntimeError if it fails."""
    with tempfile.TemporaryFile() as given:
        given.write(message)
        given.seek(0)
        process = subprocess.Popen(command, env=environ, cwd=TOP, stdin=given, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[-2:])} ended with {process.returncode}.")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
