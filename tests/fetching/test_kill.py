"""kill -9 at every step: nothing lost, nothing doubled, and the next run needs no help."""

from __future__ import annotations

import signal

import pytest

from tests.fetching.fetch_and_die import IMAP_STEPS, POP3_STEPS
from tests.servers.fixtures import TestMailbox
from tests.servers.flask_process import FlaskProcesses
from tests.support import Desk, expected, mails

CASES = [
    pytest.param(protocol, step, nth, id=f"{protocol}, {step}, {nth}")
    for protocol, steps in (("IMAP", IMAP_STEPS), ("POP3", POP3_STEPS))
    for step in steps
    for nth in ((1, 2) if step in ("stored but not committed", "committed", "deleted") else (1,))
]
COUNT = 10


@pytest.mark.parametrize(("protocol", "step", "nth"), CASES)
def test_a_run_killed_at_any_step_loses_and_doubles_nothing(
    desk: Desk,
    mailbox: TestMailbox,
    environ: dict[str, str],
    flask_process: FlaskProcesses,
    protocol: str,
    step: str,
    nth: int,
) -> None:
    mailbox.deliver(*mails(COUNT))
    desk.account(mailbox, protocol)

    killed = flask_process(environ, protocol, step, str(nth), "fetch", module="tests.fetching.fetch_and_die")
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()

    desk.fetch_one()
    assert desk.titles() == expected(COUNT)
    assert mailbox.count() == 0
    assert desk.fetch_one()["found"] == 0
