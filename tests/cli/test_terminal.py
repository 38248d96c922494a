"""Commands on a terminal: they ask, and do not echo what is secret."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.cli.support import Admin
from tests.conftest import Run


def on_terminal(environ: dict[str, str], command: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command on a terminal, answering each question when it is asked; exit status and all that was shown."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "postmaster", *command],
        env=os.environ | environ,
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    shown, seen = "", 0
    while piece := _read(controller):
        shown += piece
        if answers and answers[0][0] in shown[seen:]:
            seen = len(shown)
            os.write(controller, f"{answers.pop(0)[1]}\n".encode())
    os.close(controller)
    return process.wait(), shown


def _read(controller: int) -> str:
    try:
        return os.read(controller, 4096).decode(errors="replace")
    except OSError:  # the other end was closed
        return ""


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 1)])
def test_deleting_asks_first(admin: Admin, environ: dict[str, str], answer: str, left: int) -> None:
    admin.add_account()
    question = "Delete the account “mail.example.com” (1)?"
    status, shown = on_terminal(environ, ["account", "delete", "1"], [(question, answer)])
    assert (status, len(admin.list("account"))) == (0, left)
    assert ("Nothing was deleted." in shown) is bool(left)


def test_a_password_is_asked_for_twice_and_not_shown(run: Run, environ: dict[str, str]) -> None:
    command = ["credential", "add", "--name", "C", "--username", "info"]
    status, shown = on_terminal(environ, command, [("Password:", "hidden words"), ("Repeat", "hidden words")])
    assert status == 0, shown
    assert "hidden words" not in shown
    assert run("credential", "show", "C", "--json").json["health"] == "healthy"


def test_a_set_password_may_be_left_empty_to_keep_it(admin: Admin, environ: dict[str, str]) -> None:
    admin.add_credential()
    status, _ = on_terminal(environ, ["credential", "set", "C", "--password-stdin"], [("Password:", "")])
    assert status == 0
    assert admin.show("credential", "C")["health"] == "healthy"
