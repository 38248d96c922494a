"""``flask read`` as a mail transfer agent runs it: all but wrong usage ends with 75, and so keeps the mail."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from tests.pipeline.test_large_patterns import store
from tests.servers.flask_process import COMMAND, TOP, FlaskProcesses
from tests.servers.ports import wait_until
from tests.support import Desk, mail
from tests.turns import in_turns

READ = (*COMMAND, "read")

WAYS = {"plain": (), "json": ("--json",), "dry run": ("--dry-run",)}

Deliver = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def deliver(flask_process: FlaskProcesses) -> Deliver:
    """``deliver(environ, *options)``: hand a message over, as the pipe of an agent does."""
    return lambda environ, *options: flask_process(environ, "read", *options, input=mail("hello"))


def start(environ: Mapping[str, str], *limit: str, size: int = 0) -> subprocess.CompletedProcess[bytes]:
    """The same from the start, under the command ``limit``."""
    words = [*limit, *READ]
    return subprocess.run(words, env=environ, input=mail("x", size=size), capture_output=True, check=False, cwd=TOP)


def assert_kept(done: subprocess.CompletedProcess[bytes]) -> None:
    """The agent keeps the message, and whoever reads its log is told why."""
    assert done.returncode == 75, done.stderr.decode()
    assert b"Error:" in done.stderr
    assert b"Traceback" not in done.stderr


MALFORMED = {
    "POSTMASTER_DATA_DIR": "/proc/nowhere/data",
    "POSTMASTER_DATABASE_URL": "mysql://x",
    "POSTMASTER_REDIS_URL": "http://x",
    "POSTMASTER_SECRET_KEY": "short",
    "POSTMASTER_CREDENTIAL_KEYS": "no-key",
    "POSTMASTER_LOG_FORMAT": "xml",
    "POSTMASTER_CA_FILE": "/nowhere.pem",
    "POSTMASTER_TIME_ZONE": "Mars/Olympus",
    "POSTMASTER_PUBLIC_URL": "no address",
    "POSTMASTER_TRUSTED_PROXIES": "many",
    "POSTMASTER_WORKERS": "0",
    "POSTMASTER_METRICS_TOKEN": "short",
    "POSTMASTER_ALERT_TARGETS": "me",
    "POSTMASTER_OUTLOOK_HOST": "!",
    "POSTMASTER_OUTLOOK_PORT": "0",
    "POSTMASTER_MICROSOFT_AUTHORITY": "http://x",
    "POSTMASTER_GOOGLE_AUTHORIZE_URL": "http://x",
    "POSTMASTER_GOOGLE_TOKEN_URL": "http://x",
}

GARBLED = [
    ("POSTMASTER_DATABASE_URL", "postgresql://user:p/w@[host/x"),
    ("POSTMASTER_DATABASE_URL", "postgresql://user@host:port/x"),
    ("POSTMASTER_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x"),
    ("POSTMASTER_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x?nonsense=1"),
    ("POSTMASTER_DATABASE_URL", "sqlite:////proc/nowhere/x.sqlite"),
    ("POSTMASTER_DATABASE_URL", "sqlite:////dev/full"),
    ("POSTMASTER_REDIS_URL", "redis://[x"),
    ("POSTMASTER_PUBLIC_URL", "https://[x"),
    ("POSTMASTER_GOOGLE_TOKEN_URL", "https://x:port/"),
    ("POSTMASTER_DATA_DIR", "/dev/null/data"),
    ("POSTMASTER_DATA_DIR", "/sys/data"),
]


@pytest.mark.parametrize(("variable", "value"), [*MALFORMED.items(), *GARBLED])
def test_a_wrong_environment_keeps_the_mail(
    environ: dict[str, str], deliver: Deliver, variable: str, value: str
) -> None:
    assert_kept(deliver({**environ, variable: value}))


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_so_it_does_whatever_is_to_be_shown(
    environ: dict[str, str], deliver: Deliver, options: tuple[str, ...]
) -> None:
    assert_kept(deliver({**environ, "POSTMASTER_TIME_ZONE": "Mars"}, *options))


def test_so_it_does_with_files(environ: dict[str, str], deliver: Deliver, tmp_path: Path) -> None:
    (tmp_path / "x.eml").write_bytes(mail("x"))
    assert_kept(deliver({**environ, "POSTMASTER_TIME_ZONE": "Mars"}, "--json-lines", str(tmp_path / "x.eml")))


def test_so_it_does_from_the_start(environ: dict[str, str]) -> None:
    assert_kept(start({**environ, "POSTMASTER_TIME_ZONE": "Mars"}))


KEYS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text(""),
    "truncated": lambda path: path.write_text("c2hvcnQ="),
    "binary": lambda path: path.write_bytes(b"\xff\xfe\0"),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", ["credential.key", "secret.key"])
@pytest.mark.parametrize("spoil", KEYS.values(), ids=KEYS)
def test_a_bad_key_file_keeps_the_mail(
    environ: dict[str, str], deliver: Deliver, data_dir: Path, name: str, spoil: Callable[[Path], object]
) -> None:
    if name == "secret.key" and spoil is KEYS["truncated"]:
        pytest.skip("any text is a secret key")
    data_dir.mkdir()
    spoil(data_dir / name)
    assert_kept(deliver(environ))


@pytest.mark.database("sqlite")
def test_a_database_of_a_later_version_keeps_the_mail(
    desk: Desk, environ: dict[str, str], deliver: Deliver, data_dir: Path
) -> None:
    desk.ok("status")
    engine = create_engine(f"sqlite:///{data_dir / 'postmaster.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    engine.dispose()
    assert deliver(environ).returncode == 75


@pytest.mark.database("sqlite")
def test_a_file_that_is_no_database_keeps_the_mail(environ: dict[str, str], deliver: Deliver, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "postmaster.sqlite").write_bytes(b"nonsense" * 1000)
    assert_kept(deliver(environ))


@pytest.mark.database("sqlite")
def test_a_full_disk_keeps_the_mail(environ: dict[str, str]) -> None:
    limit = ("sh", "-c", 'ulimit -f 1; exec env PYTHONDONTWRITEBYTECODE=1 "$@"', "sh")
    assert start(environ, *limit, size=100_000).returncode == 75


def test_too_little_memory_keeps_the_mail(environ: dict[str, str]) -> None:
    assert start(environ, "sh", "-c", 'ulimit -v 85000; exec "$@"', "sh").returncode == 75


@pytest.mark.parametrize("module", in_turns(["sqlalchemy", "regex", "zstandard"], "library"))
def test_a_library_that_is_missing_keeps_the_mail(environ: dict[str, str], tmp_path: Path, module: str) -> None:
    assert start(with_module(module, GONE, tmp_path, environ)).returncode == 75


GONE = "raise ImportError('gone')"


def with_module(name: str, source: str, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process to which that is the source of the module."""
    (folder / f"{name}.py").write_text(source)
    return {**environ, "PYTHONPATH": os.pathsep.join([str(folder), environ.get("PYTHONPATH", "")])}


def test_an_entry_of_the_log_that_cannot_be_written_keeps_the_mail(
    app: Flask, desk: Desk, environ: dict[str, str], tmp_path: Path
) -> None:
    """A filter that cannot be used is told in the log."""
    desk.ok("filter", "add", "--name", "A", "--match", "Subject=x", "--set", "X-OTRS-Queue=Junk")
    store(app, "A", "Subject=(")
    assert start(with_module("structlog", GONE, tmp_path, environ)).returncode == 75
    assert desk.tickets() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_keeps_the_mail(desk: Desk, environ: dict[str, str], number: signal.Signals) -> None:
    desk.ok("status")
    with subprocess.Popen(READ, env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=TOP) as process:
        assert process.stdin is not None
        process.stdin.write(b"Subject: half\r\n")
        process.stdin.flush()
        wait_until(lambda: child_of(process.pid), "the child to be there")
        process.send_signal(number)
        assert process.wait(60) == 75
        assert process.stderr is not None
        assert process.stderr.read() == (
            f"Error: It was ended by {number.name}. Deliver the message again. [interrupted]\n".encode()
        )
    assert desk.tickets() == []


SWALLOWED = """
import os, signal
from tests.lost_signals import lose

lose(signal.SIGINT)
os._exit(0)
"""


# Source: the note on signal handlers and exceptions in the documentation of Python's module signal.
def test_an_interrupt_takes_effect_where_python_would_print_and_go_on(environ: dict[str, str], tmp_path: Path) -> None:
    assert_kept(start(with_module("zstandard", SWALLOWED, tmp_path, environ)))


def test_one_that_is_ignored_where_it_is_started_stays_so(environ: dict[str, str], tmp_path: Path) -> None:
    ignoring = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    assert start(with_module("zstandard", SWALLOWED, tmp_path, environ), *ignoring).returncode == 0


def test_a_child_that_is_killed_keeps_the_mail(environ: dict[str, str]) -> None:
    with subprocess.Popen(READ, env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=TOP) as process:
        wait_until(lambda: child_of(process.pid), "the child to be there")
        os.kill(child_of(process.pid), signal.SIGKILL)
        assert process.wait(60) == 75
        assert process.stderr is not None
        assert b"SIGKILL" in process.stderr.read()


def child_of(pid: int) -> int:
    """The only child of that process; 0 while there is none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


@pytest.mark.parametrize("closing", in_turns([">/dev/full", ">&-", "2>&-", ">&- 2>&-"], "streams", 2))
def test_an_agent_that_does_not_listen_is_not_asked_to_deliver_for_ever(
    desk: Desk, environ: dict[str, str], closing: str
) -> None:
    assert through_shell(environ, closing).returncode == 0
    assert len(desk.tickets()) == 1


def test_a_message_that_nobody_hands_over_is_told_as_such(environ: dict[str, str]) -> None:
    done = through_shell(environ, "<&-")
    assert_kept(done)
    assert b"[no-message]" in done.stderr


def through_shell(environ: Mapping[str, str], redirection: str) -> subprocess.CompletedProcess[bytes]:
    """Hand a message over with the streams of the command as ``redirection`` says."""
    line = shlex.join(READ) + " " + redirection
    return subprocess.run(
        ["sh", "-c", line], env=environ, input=mail("hello"), capture_output=True, check=False, cwd=TOP
    )


def test_a_queue_that_is_not_there_does_not_bounce_the_mail(
    desk: Desk, environ: dict[str, str], deliver: Deliver
) -> None:
    done = deliver(environ, "--queue", "Renamed")
    assert done.returncode == 0
    assert b"in Raw (pipe-queue-missing)" in done.stdout
    assert len(desk.tickets()) == 1


@pytest.mark.parametrize(
    "options", [("--nonsense",), ("--queue",), ("x.eml",), ("--json-lines",), ("--json-lines", "/nowhere/x.eml")]
)
def test_wrong_usage_is_told_as_such(
    desk: Desk, environ: dict[str, str], deliver: Deliver, options: tuple[str, ...]
) -> None:
    done = deliver(environ, *options)
    assert done.returncode == 2, done.stderr
    assert desk.tickets() == []


def test_the_command_of_the_guide_keeps_the_mail_if_its_settings_are_not_there(tmp_path: Path) -> None:
    script = (TOP / "deploy" / "postmaster").read_text()
    nobody = script.replace("$(id -un)", "postmaster").replace("/etc/postmaster.env", str(tmp_path / "none.env"))
    elsewhere = script.replace("$(id -un)", "postmaster").replace(". /etc/postmaster.env", ":")
    (tmp_path / "bin").mkdir()
    for text_ in (nobody, elsewhere.replace("/opt/postmaster", str(tmp_path)), elsewhere.replace("/opt", "/nowhere")):
        for shell in ("sh", "bash"):
            done = subprocess.run([shell, "-c", text_, "postmaster", "read"], capture_output=True, check=False)
            assert done.returncode == 75, done.stderr
