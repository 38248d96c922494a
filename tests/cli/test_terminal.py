"""Commands on a terminal: they ask, and do not echo what is secret."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.support import Admin
from tests.conftest import Run
from tests.servers.flask_process import FlaskProcesses

OnTerminal = Callable[[list[str], list[tuple[str, str]]], tuple[int, str]]


@pytest.fixture
def on_terminal(environ: dict[str, str], flask_process: FlaskProcesses) -> OnTerminal:
    """Runs a command on a terminal, answering each question when it is asked; exit status and all that was shown."""

    def run(command: list[str], answers: list[tuple[str, str]]) -> tuple[int, str]:
        controller, terminal_end = pty.openpty()
        with os.fdopen(terminal_end, "rb", buffering=0) as terminal:
            streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
            process = flask_process.begin(os.environ | environ, *command, **streams, new_session=True)
        shown, seen = "", 0
        while piece := _read(controller):
            shown += piece
            if answers and answers[0][0] in shown[seen:]:
                seen = len(shown)
                os.write(controller, f"{answers.pop(0)[1]}\n".encode())
        os.close(controller)
        return process.wait(), shown

    return run


def _read(controller: int) -> str:
    try:
        return os.read(controller, 4096).decode(errors="replace")
    except OSError:  # the other end was closed
        return ""


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 1)])
def test_deleting_asks_first(admin: Admin, on_terminal: OnTerminal, answer: str, left: int) -> None:
    admin.add_account()
    question = "Delete the account “mail.example.com” (1)?"
    status, shown = on_terminal(["account", "delete", "1"], [(question, answer)])
    assert (status, len(admin.list("account"))) == (0, left)
    assert ("Nothing was deleted." in shown) is bool(left)


def test_a_password_is_asked_for_twice_and_not_shown(run: Run, on_terminal: OnTerminal) -> None:
    command = ["credential", "add", "--name", "C", "--username", "info"]
    status, shown = on_terminal(command, [("Password:", "hidden words"), ("Repeat", "hidden words")])
    assert status == 0, shown
    assert "hidden words" not in shown
    assert run("credential", "show", "C", "--json").json["health"] == "healthy"


def test_a_set_password_may_be_left_empty_to_keep_it(admin: Admin, on_terminal: OnTerminal) -> None:
    admin.add_credential()
    status, _ = on_terminal(["credential", "set", "C", "--password-stdin"], [("Password:", "")])
    assert status == 0
    assert admin.show("credential", "C")["health"] == "healthy"
