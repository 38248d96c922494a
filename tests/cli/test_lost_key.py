"""The key of the secrets is never replaced by itself, and what no key opens is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from postmaster import create_app
from postmaster.config import load_environment
from tests.cli.support import Admin
from tests.results import Run, runner_of
from tests.servers.flask_process import FlaskProcesses
from tests.servers.worker import USUAL

OTHER = Fernet.generate_key().decode()


@pytest.fixture
def key(admin: Admin, data_dir: Path) -> Path:
    """The file with the key, which has sealed the password of the credential C, with which account 1 signs in."""
    admin.add_credential()
    admin.add_account(credential="C")
    return data_dir / "credential.key"


def anew(environ: dict[str, str], **variables: str) -> Run:
    """The command line of the app as it starts now."""
    return runner_of(create_app(load_environment(environ | variables)))


LOSSES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "replaced": lambda path: path.write_text(OTHER),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_key_that_is_lost_is_an_error_and_never_replaced(
    key: Path, environ: dict[str, str], lose: Callable[[Path], object]
) -> None:
    kept = key.read_text()
    lose(key)
    after = key.read_text() if key.exists() else None
    run = anew(environ)
    for command in (("fetch",), ("fetch", "--account", "1")):
        result = run(*command)
        assert result.exit_code == 2
        assert "[credential-key-lost]" in result.stderr
        assert "forget-sealed" in result.stderr
    assert run("credential", "list", "--json").json_lines[0]["health"] == "needs-key"
    assert run("account", "list", "--json").json_lines[0]["health"] == "needs-credential"
    assert "No key opens the secrets of the credential “C”" in run("alert", "check").stdout
    assert (key.read_text() if key.exists() else None) == after
    key.write_text(kept)
    assert anew(environ)("credential", "list", "--json").json_lines[0]["health"] == "healthy"


def test_so_is_a_variable_that_names_another_one(key: Path, environ: dict[str, str]) -> None:
    result = anew(environ, POSTMASTER_CREDENTIAL_KEYS=OTHER)("fetch")
    assert (result.exit_code, "[credential-key-lost]" in result.stderr) == (2, True)
    both = anew(environ, POSTMASTER_CREDENTIAL_KEYS=f"{OTHER},{key.read_text().strip()}")
    assert both("credential", "list", "--json").json_lines[0]["health"] == "healthy"


def test_mail_of_a_pipe_needs_no_key(key: Path, environ: dict[str, str]) -> None:
    key.unlink()
    assert anew(environ)("read", input=b"Subject: x\n\nx").exit_code == 0


def test_the_worker_does_not_start_without_it(
    key: Path, environ: dict[str, str], flask_process: FlaskProcesses
) -> None:
    key.unlink()
    named = environ | {"POSTMASTER_REDIS_URL": "redis://127.0.0.1:1"}
    done = flask_process(named, module=USUAL)
    assert done.returncode == 2
    assert b"[credential-key-lost]" in done.stderr
    assert not key.exists()


def test_a_secret_cannot_be_entered_under_a_new_key_while_others_wait_for_the_old_one(
    key: Path, environ: dict[str, str]
) -> None:
    key.unlink()
    result = anew(environ)("credential", "set", "C", "--password-stdin", input="new\n")
    assert (result.exit_code, "[credential-key-lost]" in result.stderr) == (2, True)
    assert not key.exists()


def test_the_page_says_which_credentials_no_key_opens_and_takes_their_secrets_anew(
    key: Path, environ: dict[str, str]
) -> None:
    key.write_text(OTHER)
    run = anew(environ)
    run("credential", "add", "--kind", "basic", "--name", "D", "--username", "d", "--password-stdin", input="good\n")
    assert {row["name"]: row["health"] for row in run("credential", "list", "--json").json_lines} == {
        "C": "needs-key",
        "D": "healthy",
    }
    assert "[credential-key-lost]" not in run("fetch", "--account", "1").stderr
    assert run("credential", "set", "C", "--password-stdin", input="new\n").exit_code == 0
    assert {row["health"] for row in run("credential", "list", "--json").json_lines} == {"healthy"}


def test_when_it_is_lost_for_good_the_secrets_are_forgotten_and_entered_anew(
    key: Path, environ: dict[str, str]
) -> None:
    run = anew(environ)
    assert "nothing was forgotten" in run("credential", "forget-sealed", "--yes").stdout
    key.unlink()
    run = anew(environ)
    asked = run("credential", "forget-sealed", input="n\n")
    assert (asked.exit_code, "“C”" in asked.stdout or "C" in asked.stdout) == (1, True)
    assert run("credential", "list", "--json").json_lines[0]["health"] == "needs-key"
    assert run("credential", "forget-sealed", "--yes").exit_code == 0
    assert run("credential", "list", "--json").json_lines[0]["health"] == "needs-password"
    assert run("credential", "set", "C", "--password-stdin", input="new\n").exit_code == 0
    assert key.exists()
    assert run("credential", "list", "--json").json_lines[0]["health"] == "healthy"


SPOILT: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text("\n"),
    "truncated": lambda path: path.write_text(path.read_text()[:20]),
    "binary": lambda path: path.write_bytes(b"\xff" * 44),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_key_file_that_holds_no_key_is_told_in_a_sentence(
    key: Path, environ: dict[str, str], flask_process: FlaskProcesses, spoil: Callable[[Path], object]
) -> None:
    spoil(key)
    done = flask_process(environ, "status")
    words = done.stderr.decode()
    assert done.returncode == 2
    assert "credential.key" in words
    assert "[bad-key]" in words
    assert "Traceback" not in words


def test_a_variable_without_a_key_is_told_as_well(environ: dict[str, str], flask_process: FlaskProcesses) -> None:
    done = flask_process(environ | {"POSTMASTER_CREDENTIAL_KEYS": " , "}, "status")
    assert (done.returncode, b"[bad-key]" in done.stderr) == (2, True)
