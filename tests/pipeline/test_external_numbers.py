"""Numbers of other systems: a filter captures one, and the open ticket that has it in a field is followed up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from postmaster.accounts.models import Trust
from postmaster.database import dialect_of, read_session, transaction
from postmaster.desk.models import TicketField
from postmaster.extensions import now
from postmaster.fetching.foresight import Foresight
from postmaster.fetching.pipe import pipe_rules
from postmaster.pipeline.arrival import read_arrival
from postmaster.pipeline.candidate_tickets import NEWEST, field_query
from tests.ledger.test_plans import COUNT, plan_of
from tests.servers.flask_process import FlaskProcesses
from tests.support import Desk, mail


@pytest.fixture
def monitored(desk: Desk) -> Desk:
    """A desk whose filter takes the number of a monitoring system."""
    desk.ok("setting", "set", "Ticket::DynamicFields", "Alert")
    desk.ok(
        "filter", "add", "--name", "alerts", "--match", "From=EMAILADDRESS:ada@example.net",
        "--match", r"Subject=Problem (?<number>\w+-\d+)", "--follow-up-field", "alert",
    )  # fmt: skip
    return desk


def take(desk: Desk, subject: str, *options: str, **mail_options: Any) -> Any:
    """Hand over a message, and say what became of it."""
    return desk.ok("read", "--json", *options, input=mail(subject, **mail_options)).json


def close(desk: Desk, number: str) -> None:
    """Close the ticket with that number."""
    desk.ok("ticket", "set", number, "--state", "closed successful")


def test_the_first_mail_opens_a_ticket_that_later_ones_with_its_number_follow_up(monitored: Desk) -> None:
    first = take(monitored, "PROBLEM Nag-17 host down")
    assert first["outcome"] == "new"
    assert first["attributes"]["dynamic_fields"] == {"Alert": "Nag-17"}
    again = take(monitored, "Problem NAG-17 still down")
    assert (again["outcome"], again["reason"], again["ticket"]) == ("follow-up", "follow-up-by-field", first["ticket"])
    assert "A filter has captured what a dynamic field of the ticket" in str(again["trace"])
    assert take(monitored, "Problem Nag-170 host down")["outcome"] == "new"
    assert take(monitored, "Problem Nag-17 faked", sender="eve@elsewhere.example")["outcome"] == "new"


def test_a_closed_ticket_is_not_followed_up_and_the_trace_says_so(monitored: Desk) -> None:
    first = take(monitored, "Problem Nag-1")
    close(monitored, first["ticket"])
    second = take(monitored, "Problem Nag-1")
    assert second["outcome"] == "new"
    assert f"The ticket {first['ticket']} has what a filter captured in its dynamic field, but is closed." in str(
        second["trace"]
    )
    assert take(monitored, "Problem Nag-1")["ticket"] == second["ticket"]


def test_an_older_ticket_that_is_open_still_takes_it_while_a_newer_one_is_closed(monitored: Desk) -> None:
    older = take(monitored, "Problem Nag-1")["ticket"]
    newer = take(monitored, "other", "--trusted", headers=["X-OTRS-DynamicField-Alert: nag-1"])["ticket"]
    assert take(monitored, "Problem Nag-1")["ticket"] == newer
    close(monitored, newer)
    assert take(monitored, "Problem Nag-1")["ticket"] == older


def test_a_field_that_changes_names_another_number_from_then_on(monitored: Desk) -> None:
    first = take(monitored, "Problem Nag-1")
    reply = {
        "headers": [f"In-Reply-To: <{first['message']['message_id']}>", "X-OTRS-FollowUp-DynamicField-Alert: Nag-2"]
    }
    assert take(monitored, "moved", "--trusted", **reply)["ticket"] == first["ticket"]
    assert take(monitored, "Problem Nag-2")["ticket"] == first["ticket"]
    assert take(monitored, "Problem Nag-1")["outcome"] == "new"


def test_the_ticket_number_in_the_subject_counts_more_than_the_other_number(monitored: Desk) -> None:
    first, second = take(monitored, "Problem Nag-1")["ticket"], take(monitored, "Problem Nag-2")["ticket"]
    assert take(monitored, f"Problem Nag-2 [Ticket#{first}]")["ticket"] == first
    assert second != first


def test_the_number_counts_more_than_the_thread(monitored: Desk) -> None:
    """Monitoring systems let all mail about a host answer the same message."""
    thread = {"headers": ["References: <host@icinga.example>"]}
    first, second = take(monitored, "Problem Nag-1", **thread), take(monitored, "Problem Nag-2")
    assert take(monitored, "Problem Nag-2 again", **thread)["ticket"] == second["ticket"]
    assert second["ticket"] != first["ticket"]


def test_a_preview_says_what_would_happen(monitored: Desk) -> None:
    first = take(monitored, "Problem Nag-1")
    preview = take(monitored, "Problem Nag-1 more", "--dry-run")
    assert (preview["outcome"], preview["reason"]) == ("follow-up", "follow-up-by-field")
    assert monitored.tickets()[0]["articles"] == 1, first


def test_mail_of_one_batch_finds_the_ticket_that_the_batch_opens(monitored: Desk, app: Flask) -> None:
    raws = [mail(f"Problem Nag-9 part {number}") for number in range(3)]
    with app.app_context(), read_session() as session:
        found = Foresight(session, pipe_rules(None, Trust.NO)).of(
            [read_arrival(raw, bytes([number]) * 32, str(number), 0) for number, raw in enumerate(raws)]
        )
    assert [each["outcome"] for each in found] == ["new", "follow-up", "follow-up"]


def test_the_same_number_at_the_same_moment_opens_one_ticket(
    monitored: Desk, environ: dict[str, str], flask_process: FlaskProcesses
) -> None:
    def deliver(number: int) -> int:
        raw = mail(f"Problem Nag-5 check {number}")
        return flask_process(environ, "read", input=raw).returncode

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(deliver, range(4))) == [0] * 4
    assert [ticket["articles"] for ticket in monitored.tickets()] == [4]


def test_the_look_up_is_by_an_index_and_bounded_however_often_a_number_came(monitored: Desk, app: Flask) -> None:
    with app.app_context(), transaction() as session:
        dialect = dialect_of(session)
        moment = now().replace(tzinfo=None) if dialect == "sqlite" else now()
        session.execute(
            text(
                f"{COUNT.format(20_000)} INSERT INTO ticket (id, number, title, queue_id, state, priority, type, lock, "
                "sender_name, sender_address, dynamic_fields, created_at, changed_at) SELECT i, CAST(i AS VARCHAR), "
                "'T', 1, 'closed successful', '3 normal', 'Unclassified', 'unlock', '', '', '{}', :now, :now FROM n"
            ),
            {"now": moment},
        )
        insert = "INSERT INTO ticket_field (key, ticket_id) SELECT {}, i FROM n"
        session.execute(text(COUNT.format(20_000) + insert.format("'alert=nag-' || i")))
        session.execute(text(COUNT.format(20_000) + insert.format("'alert=daily'")))
        session.execute(text("ANALYZE"))
        keys = [f"alert=nag-{number}" for number in range(100)]
        plan = plan_of(session, field_query(dialect), keys=keys)
        found = session.execute(field_query(dialect), {"keys": ["alert=daily", "alert=nag-7"]}).all()
        assert len(found) == NEWEST + 1
        assert session.query(TicketField).count() == 40_000
    if dialect == "sqlite":
        assert "SEARCH ticket_field USING PRIMARY KEY (key=? AND ticket_id>?)" in plan
        assert "SCAN ticket_field" not in plan
        assert "SCAN ticket\n" not in plan
    else:
        assert "pk_ticket_field" in plan
        assert "Seq Scan on ticket " not in plan
        assert "Seq Scan on ticket_field" not in plan


REFUSED = {
    "no such field": ({"--follow-up-field": "Other"}, "Follow-up by field is “Other”, which is not a dynamic field"),
    "nothing captured": (
        {"--follow-up-field": "Alert", "--match": "Subject=Problem"},
        "needs a condition that captures",
    ),
}


@pytest.mark.parametrize(("fields", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_each_refusal_says_what_is_wrong(monitored: Desk, fields: dict[str, str], sentence: str) -> None:
    given = {"--name": "new", "--match": r"Subject=(\d+)", **fields}
    refused = monitored.run("filter", "add", *(part for pair in given.items() for part in pair))
    assert refused.exit_code == 2
    assert sentence in refused.stderr


def test_an_export_has_the_field_and_importing_it_changes_nothing(monitored: Desk) -> None:
    exported = monitored.ok("filter", "export")
    assert exported.json["filter"][0]["follow_up_field"] == "Alert"
    assert monitored.ok("filter", "import", input=exported.stdout).stdout.startswith("unchanged filter")
