"""What a lease costs to take, and whether a process that holds something still runs, as others on its machine tell."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import event

from postmaster.accounts.mailbox import MailboxKey
from postmaster.database import transaction
from postmaster.errors import MailError
from postmaster.fetching import lease
from postmaster.fetching.lease import has_died, process_name, release, take_lease
from postmaster.ledger.models import Mailbox
from postmaster.system.settings import SESSIONS_PER_HOST

RUNS = 10


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until the test ends it."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_lives_until_it_is_killed_also_while_nobody_has_buried_it(child: subprocess.Popen[bytes]) -> None:
    name = process_name(child.pid)
    assert not has_died(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is a zombie
    assert has_died(name)
    child.wait()
    assert has_died(name)


def test_another_process_with_the_number_of_one_that_died_is_another_one(child: subprocess.Popen[bytes]) -> None:
    machine, pid, started = process_name(child.pid).split(" ")
    assert has_died(f"{machine} {pid} {int(started) - 1}")


def test_nothing_is_known_of_another_machine(child: subprocess.Popen[bytes]) -> None:
    _, pid, started = process_name(child.pid).split(" ")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not has_died(f"another/machine {pid} {started}")


def test_a_process_that_this_user_is_not_shown_counts_as_alive_until_it_is_gone(
    child: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = process_name(child.pid)
    monkeypatch.setattr(lease, "PROC", tmp_path)  # what hidepid leaves of other users' processes
    assert not has_died(name)
    child.kill()
    child.wait()
    assert has_died(name)


def test_to_take_a_lease_reads_no_row_of_mailboxes_that_nobody_has(app: Flask) -> None:
    def key(number: int) -> MailboxKey:
        return MailboxKey("mail.example.com", f"user{number}", "INBOX")

    read = set()

    def note(row: Mailbox, _context: object) -> None:
        read.add(row.login)

    with app.app_context():
        with transaction() as session:
            for number in range(20):
                release(session, take_lease(session, key(number), "a run"))
            take_lease(session, key(7), "another run")
        event.listen(Mailbox, "load", note)
        with transaction() as session:
            take_lease(session, key(3), "this run")
        event.remove(Mailbox, "load", note)
    assert read == {"user3", "user7"}


def test_runs_that_begin_together_take_no_more_leases_of_a_host_than_it_allows(app: Flask) -> None:
    together = Barrier(RUNS)

    def begin(number: int) -> str:
        with app.app_context():
            together.wait()
            try:
                with transaction() as session:
                    take_lease(session, MailboxKey("mail.example.com", f"user{number}", "INBOX"), "a run")
            except MailError as error:
                return error.code
            return "taken"

    with app.app_context(), transaction() as session:
        for number in range(RUNS):
            release(session, take_lease(session, MailboxKey("mail.example.com", f"user{number}", "INBOX"), "a run"))
    with ThreadPoolExecutor(RUNS) as pool:
        outcomes = Counter(pool.map(begin, range(RUNS)))
    assert outcomes == {"taken": SESSIONS_PER_HOST.default, "host-busy": RUNS - SESSIONS_PER_HOST.default}
