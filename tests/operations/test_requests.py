"""What admins ask for: fetch now, pause, and the first fetch of a full mailbox; and what they see of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select

from postmaster.broker import redis
from postmaster.database import read_session, transaction
from postmaster.extensions import db
from postmaster.jobs import tasks
from postmaster.ledger.hourly_counts import add_up_old_hours, mail_totals, mails_of_account
from postmaster.ledger.models import FetchRun, MailHour, RunStatus
from postmaster.operations.heartbeat import Presence, beat
from postmaster.operations.models import ProcessRole
from postmaster.operations.progress import Activity, progress
from postmaster.operations.requests import Answer, request_fetch
from postmaster.operations.run_history import RunFilter, run_history
from postmaster.operations.state import Fetching, fetching_state
from postmaster.resources.models import AuditEvent
from tests.operations.conftest import WorkOff, change_state, state
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, expected, mails

pytestmark = pytest.mark.usefixtures("work_off")


def last_run() -> FetchRun:
    """The latest run."""
    with read_session() as session:
        return run_history(session, RunFilter()).rows[0]


def audited(action: str) -> list[tuple[str, str]]:
    """Who did that to what."""
    with read_session() as session:
        query = select(AuditEvent.actor, AuditEvent.label).where(AuditEvent.action == action)
        return [(actor, label) for actor, label in session.execute(query.order_by(AuditEvent.id))]


def test_fetch_now_answers_at_once_and_a_second_press_queues_no_second_run(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    mailbox.deliver(*mails(3))
    account = int(desk.account(mailbox))
    work_off()
    mailbox.deliver(*mails(2))
    assert request_fetch([account], "ada").answers == {account: Answer.QUEUED}
    assert request_fetch([account], "eve").answers == {account: Answer.ALREADY_QUEUED}
    with read_session() as session:
        waiting = progress(session)[account]
    assert (waiting.activity, waiting.by) == (Activity.QUEUED, "ada")
    work_off()
    assert last_run().started_by == "ada"
    assert len(desk.tickets()) == 5
    with read_session() as session:
        assert progress(session) == {}
    assert [actor for actor, _ in audited("fetch")] == ["ada"]


def test_fetch_now_ends_a_pause_after_a_refused_login_for_this_run(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    account = int(desk.account(mailbox))
    mailbox.server.add_user(mailbox.user, "another")
    work_off()
    assert desk.ok("account", "show", account, "--json").json["health"] == "paused"
    mailbox.server.add_user(mailbox.user, mailbox.password)  # it was the server's fault
    request_fetch([account], "ada")
    work_off()
    assert desk.ok("account", "show", account, "--json").json["health"] == "healthy"


def test_fetch_now_for_all_says_for_each_what_becomes_of_it(
    desk: Desk, mailbox: TestMailbox, other_mailbox: TestMailbox
) -> None:
    ready, without = int(desk.account(mailbox)), int(desk.account(other_mailbox, credential=""))
    resting = int(desk.add_account(type="IMAP", host="h.example", validity="invalid"))
    requested = request_fetch(None, "ada")
    assert requested.answers == {ready: Answer.QUEUED, without: Answer.NEEDS_CREDENTIAL}
    assert request_fetch([resting], "ada").answers == {resting: Answer.NOT_VALID}
    assert audited("fetch") == [("ada", "all")]


def test_where_no_worker_runs_fetch_now_says_so(desk: Desk, mailbox: TestMailbox) -> None:
    account = int(desk.account(mailbox))
    requested = request_fetch([account], "ada")
    assert requested.state.fetching is Fetching.NO_WORKER
    assert "1 queued" in requested.sentence
    assert "Fetching has stopped: no worker is running. Start it by: python worker.py" in requested.sentence


def test_what_is_asked_for_comes_before_what_is_due(
    desk: Desk, mailbox: TestMailbox, other_mailbox: TestMailbox, work_off: WorkOff
) -> None:
    desk.account(mailbox)
    asked = int(desk.account(other_mailbox))
    desk.ok("setting", "set", "SessionsPerHost", "1")
    tasks.housekeeping.schedule_new_accounts()
    request_fetch([asked], "ada")
    work_off()
    with read_session() as session:
        runs = [run.account_id for run in run_history(session, RunFilter()).rows]
    assert runs[-1] == asked


def test_progress_of_all_accounts_costs_one_query(desk: Desk, mailbox: TestMailbox, other_mailbox: TestMailbox) -> None:
    accounts = [int(desk.account(each)) for each in (mailbox, other_mailbox)]
    request_fetch(accounts, "ada")
    started = datetime(2026, 11, 25, 12, tzinfo=UTC)
    with transaction() as session:
        told = {"started_at": started, "updated_at": started + timedelta(seconds=10), "expected": 400, "new": 132}
        session.add(FetchRun(account_id=accounts[0], label="x", started_by="ada", status=RunStatus.RUNNING, **told))
    statements: list[str] = []
    with read_session() as session:
        session.connection()
        event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        found = progress(session)
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1
    first = found[accounts[0]]
    assert (first.activity, first.done, first.expected, first.rate) == (Activity.RUNNING, 132, 400, 13.2)
    assert found[accounts[1]].activity is Activity.QUEUED


def test_a_pause_is_obeyed_by_schedule_fetch_now_and_command_line(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    mailbox.deliver(*mails(2))
    account = int(desk.account(mailbox))
    desk.ok("pause", "on", "--reason", "the mail server moves")
    work_off()
    request_fetch([account], "ada")
    work_off()
    result = desk.run("fetch")
    assert result.exit_code == 3
    assert "All fetching is paused by command line" in result.stderr
    assert "“the mail server moves”. When the reason is gone, run: flask pause off" in result.stderr
    assert desk.run("fetch", "--json").json["totals"]["skipped"] == 1
    assert desk.ok("fetch", "--dry-run", "--json").json["totals"]["new"] == 2
    assert mailbox.count() == 2
    assert desk.ok("pause", "status", "--json").json["reason"] == "the mail server moves"
    desk.ok("pause", "off")
    work_off()
    assert desk.titles() == expected(2)
    assert last_run().started_by == "ada"
    assert [label for _, label in audited("pause") + audited("resume")] == ["all", "all"]


@pytest.mark.parametrize(
    ("options", "words"),
    [((), "Reason is missing"), (("--reason", " "), "Reason is missing"), (("--reason", "x" * 501), "at most 500")],
)
def test_a_pause_needs_a_reason(desk: Desk, options: tuple[str, ...], words: str) -> None:
    result = desk.run("pause", "on", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert desk.ok("pause", "status").stdout == "Fetching is not paused.\n"


def test_a_second_pause_names_the_first(desk: Desk) -> None:
    desk.ok("pause", "on", "--reason", "the first")
    result = desk.run("pause", "on", "--reason", "the second")
    assert result.exit_code == 2
    assert "the first" in result.stderr


def test_the_first_fetch_of_a_full_mailbox_waits_for_an_admin(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    desk.ok("setting", "set", "FirstFetchConfirm", "3")
    mailbox.deliver(*mails(4))
    account = int(desk.account(mailbox))
    work_off()
    change_state(account, next_run_at=None)
    work_off()
    assert mailbox.count() == 4
    with read_session() as session:
        assert len(run_history(session, RunFilter()).rows) == 1
    [row] = desk.ok("status", "--json").json["accounts"]
    assert (row["health"], row["held"]) == ("needs-confirmation", 4)
    assert "holds 4 messages. All mail in it would become tickets" in row["error"]
    assert request_fetch([account], "ada").answers == {account: Answer.NEEDS_CONFIRMATION}
    assert ", 4 messages, becomes tickets and is deleted" in desk.ok("account", "confirm", account).stdout
    work_off()
    assert desk.titles() == expected(4)
    assert len(audited("confirm")) == 1
    assert desk.run("account", "confirm", account).exit_code == 2


def test_a_mailbox_that_was_fetched_before_needs_no_confirmation(
    desk: Desk, mailbox: TestMailbox, work_off: WorkOff
) -> None:
    desk.ok("setting", "set", "FirstFetchConfirm", "3")
    desk.account(mailbox)
    work_off()
    mailbox.deliver(*mails(4))
    account = desk.ok("account", "list", "--json").json_lines[0]["id"]
    change_state(account, next_run_at=None)
    work_off()
    assert desk.titles() == expected(4)


def test_the_command_line_needs_no_confirmation(desk: Desk, mailbox: TestMailbox, work_off: WorkOff) -> None:
    desk.ok("setting", "set", "FirstFetchConfirm", "3")
    mailbox.deliver(*mails(4))
    account = desk.account(mailbox)
    work_off()
    assert desk.fetch_one("--account", account)["new"] == 4
    assert state(account).held_count is None


def test_a_run_that_does_not_get_to_see_the_mailbox_says_nothing_of_what_is_left_there(
    desk: Desk, mailbox: TestMailbox
) -> None:
    desk.ok("setting", "set", "PostmasterMaxEmailSize", "1")
    mailbox.deliver(*mails(2, size=4000))
    account = desk.account(mailbox)
    desk.fetch()
    desk.ok("account", "set", account, "--port", "1")
    desk.fetch(code=1)
    [row] = desk.ok("status", "--json").json["accounts"]
    assert (row["health"], row["backlog"]) == ("failing", 2)


def test_runs_are_filtered_and_cut(desk: Desk, mailbox: TestMailbox, other_mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(1))
    first, broken = desk.account(mailbox), desk.account(other_mailbox, port=1)
    desk.fetch(code=1)
    desk.fetch("--account", first)
    with read_session() as session:

        def count(**wanted: object) -> int:
            return len(run_history(session, RunFilter(**wanted)).rows)  # type: ignore[arg-type]

        assert count() == 3
        assert count(account_id=int(broken)) == count(status=RunStatus.FAILED) == count(with_mail=True) == 1
        assert count(text=mailbox.user.partition("@")[0]) == 2
        assert count(text="command line") == 3
        assert count(since=datetime.now(UTC) + timedelta(days=1)) == 0
        page = run_history(session, RunFilter(), size=2)
        assert len(page.rows) == 2
        assert page.next is not None
        assert len(run_history(session, RunFilter(before=page.next)).rows) == 1


def test_mail_is_counted_by_the_hour_and_old_hours_are_added_up(desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(5))
    account = int(desk.account(mailbox))
    desk.fetch()
    long_ago = datetime(2026, 1, 2, 3, tzinfo=UTC)
    with transaction() as session:
        session.add(MailHour(account_id=account, hour=long_ago, new=7, quarantined=1))
        session.add(MailHour(account_id=999, hour=long_ago, new=2))
    for _ in range(2):
        with transaction() as session:
            add_up_old_hours(session)
        with read_session() as session:
            hours = mails_of_account(session, account)
            assert sum(hours.values()) == 5
            assert mail_totals(session) == {"new": 14, "follow_up": 0, "ignored": 0, "rejected": 0, "quarantined": 1}
            assert session.get(MailHour, (999, long_ago)) is None


@pytest.mark.parametrize(
    ("worker", "scheduler", "fetching", "words"),
    [
        (None, None, Fetching.NO_WORKER, "no worker is running"),
        ("", "", Fetching.ACTIVE, "Mail is being fetched"),
        ("", None, Fetching.NO_SCHEDULER, "only when somebody asks"),
        ("Redis is out of reach", "", Fetching.NO_WORKER, "a worker is running, but Redis is out of reach"),
    ],
)
def test_whether_mail_is_fetched_is_said_in_a_sentence(
    desk: Desk, worker: str | None, scheduler: str | None, fetching: Fetching, words: str
) -> None:
    with transaction() as session:
        for role, trouble in ((ProcessRole.WORKER, worker), (ProcessRole.SCHEDULER, scheduler)):
            if trouble is not None:
                beat(session, Presence(role), trouble)
    with read_session() as session:
        assert fetching_state(session).fetching is fetching
    assert words in desk.ok("status").stdout
    assert desk.ok("status", "--json").json["worker"]["fetching"] == fetching.value
    assert redis().ping()
