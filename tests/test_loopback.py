"""The guard that keeps tests from reaching other machines stands, in this process and in all that it starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.guard.sitecustomize import ATTEMPTS, attempts
from tests.servers.flask_process import FlaskProcesses

# An address that nobody has (RFC 5737).
ELSEWHERE = "192.0.2.1"

SESSION = f"""
import contextlib, socket

def test_it():
    with contextlib.suppress(AssertionError):
        socket.create_connection(("{ELSEWHERE}", 443), 1)
"""


@pytest.fixture(autouse=True)
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried here is none of what the session fails for."""
    monkeypatch.setenv(ATTEMPTS, str(tmp_path / "attempts"))


@pytest.mark.parametrize("address", [ELSEWHERE, "2001:db8::1", "0.0.0.1"])
def test_nothing_connects_to_another_machine(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as sock, socket.socket(family, socket.SOCK_DGRAM) as letters:
        for connect in (sock.connect, sock.connect_ex, lambda to: letters.sendto(b"hello", to)):
            with pytest.raises(AssertionError, match="A process of the tests"):
                connect((address, 443))
    assert [f"connects to {address}:" in line for line in attempts()] == [True] * 3


@pytest.mark.parametrize("host", ["login.microsoftonline.com", "oauth2.googleapis.com", "outlook.office365.com"])
def test_the_real_providers_are_not_even_looked_up(host: str) -> None:
    with pytest.raises(AssertionError, match="A process of the tests"):
        requests.get(f"https://{host}/", timeout=5)
    assert f"looks up {host}:" in attempts()[0]


def test_what_is_on_this_machine_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5):
        pass
    assert attempts() == []


def test_no_process_is_started_without_the_guard() -> None:
    with pytest.raises(AssertionError, match="A process of the tests"):
        subprocess.run([sys.executable, "-c", ""], env={"PATH": os.environ["PATH"]}, check=False)
    assert f"starts {sys.executable}" in attempts()[0]


def test_a_command_is_refused_though_nobody_looks_at_what_it_says(
    environ: dict[str, str], flask_process: FlaskProcesses
) -> None:
    account = f'{{"account": [{{"type": "IMAP", "host": "{ELSEWHERE}", "dispatching": "to"}}]}}'
    given = account.replace("IMAP", "IMAPS").encode()
    done = flask_process(environ, "account", "certificate", "--stdin", input=given)
    assert done.returncode != 0
    assert [f"connects to {ELSEWHERE}" in line and "flask" in line for line in attempts()] == [True]


def test_a_session_in_which_somebody_tried_fails_though_its_tests_do_not(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SESSION)
    command = [sys.executable, "-m", "pytest", "-p", "tests.guard.plugin", "-p", "no:cacheprovider", "--rootdir"]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # which take most of its time
    done = subprocess.run(
        [*command, tmp_path, tmp_path / "test_it.py"],
        cwd=Path(__file__).parents[1],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "1 passed" in done.stdout) == (1, True)
    assert f"connects to {ELSEWHERE}" in done.stdout
