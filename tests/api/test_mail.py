"""Mail that programs hand in: taken once, whatever happens meanwhile; and found again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from postmaster.database import read_session
from postmaster.desk.models import Article, Ticket
from postmaster.extensions import now
from postmaster.ledger import record as recording
from postmaster.ledger.mail_requests import REQUEST_MEMORY
from postmaster.ledger.models import InboundMail, MailRequest
from postmaster.operations.retention import remove_old
from tests.api.conftest import NewProgram, Program
from tests.api.test_door import problem
from tests.cli.test_export import opened
from tests.support import Desk, mail, refuse_title
from tests.web.samples import quarantine

Hand = Callable[..., TestResponse]


@pytest.fixture
def hand(app: Flask, new_program: NewProgram) -> Hand:
    """Hands a message in: ``hand(raw, key="…", query="?queue=Misc", by=program)``."""
    usual = new_program("mail:write")

    def send(
        raw: bytes, key: str = "", query: str = "", by: Program = usual, kind: str = "message/rfc822"
    ) -> TestResponse:
        headers = {**by.headers, "Content-Type": kind, **({"Idempotency-Key": key} if key else {})}
        return app.test_client().post(f"/api/v1/mail{query}", data=raw, headers=headers)

    return send


def count(app: Flask, model: type) -> int:
    """How many rows there are."""
    with app.app_context(), read_session() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_message_becomes_a_ticket_as_by_flask_read(hand: Hand, desk: Desk, admin: Program) -> None:
    raw = mail("order 17")
    answer = hand(raw)
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    [ticket] = desk.tickets()
    assert answer.json == {
        "mail": 1,
        "outcome": "new",
        "reason": "dispatched-to-default",
        "ticket": ticket["number"],
        "queue": "Raw",
        "quarantine": None,
    }
    assert admin("GET", "/mail/1/source").data == raw
    assert admin.get("/mail/1")["account"] == "API token program 1"


def test_an_answer_gets_to_its_ticket(hand: Hand, desk: Desk) -> None:
    number = opened(desk, mail("first"))
    answer = hand(mail(f"Re: [Ticket#{number}] first"))
    assert answer.json is not None
    assert (answer.json["outcome"], answer.json["ticket"]) == ("follow-up", number)


def test_the_queue_can_be_named(hand: Hand, desk: Desk) -> None:
    assert hand(mail("order"), query="?queue=Misc").status_code == 200
    assert [row["queue"] for row in desk.tickets()] == ["Misc"]
    problem(hand(mail("other"), query="?queue=Nowhere"), 404, "unknown-queue")
    desk.ok("queue", "set", "Misc", "--validity", "invalid", "--yes")
    problem(hand(mail("other"), query="?queue=Misc"), 422, "queue-invalid")
    assert len(desk.tickets()) == 1


@pytest.mark.parametrize(("trust", "queue"), [("", "Raw"), ("?trust=no", "Raw"), ("?trust=yes", "Misc")])
def test_headers_of_the_message_count_if_the_program_says_so(
    hand: Hand, desk: Desk, new_program: NewProgram, trust: str, queue: str
) -> None:
    raw = b"X-OTRS-Queue: Misc\r\n" + mail("order")
    assert hand(raw, query=trust, by=new_program("mail:write", "admin")).status_code == 200
    assert [row["queue"] for row in desk.tickets()] == [queue]


@pytest.mark.parametrize("trust", ["yes", "proven-senders-only"])
def test_a_program_that_is_no_admin_cannot_have_headers_count(hand: Hand, desk: Desk, trust: str) -> None:
    answer = hand(mail("order"), query=f"?trust={trust}")
    problem(answer, 403, "scope-missing")
    assert 'scope="admin"' in answer.headers["WWW-Authenticate"]
    assert desk.tickets() == []


def test_the_same_bytes_are_the_same_delivery_tried_again(hand: Hand, desk: Desk) -> None:
    raw = mail("order")
    first, second = hand(raw).json, hand(raw).json
    assert first is not None
    assert second is not None
    assert (second["outcome"], second["mail"], second["ticket"]) == ("already-recorded", first["mail"], first["ticket"])
    assert len(desk.tickets()) == 1


def test_the_same_request_is_done_once_and_answered_the_same(hand: Hand, app: Flask) -> None:
    raw = mail("order")
    first = hand(raw, key="17")
    assert first.status_code == 200
    for again in (hand(raw, key="17"), hand(raw, key='"17"')):
        assert (again.status_code, again.json) == (200, first.json)
    assert count(app, Ticket) == 1


def test_the_same_request_is_known_when_the_same_bytes_are_not_any_more(hand: Hand, app: Flask) -> None:
    raw = mail("order")
    first = hand(raw, key="17").json
    with time_machine.travel(now() + timedelta(days=2)):
        assert hand(raw, key="17").json == first
        assert count(app, Ticket) == 1
        later = hand(raw, key="18").json
        assert later is not None
        assert later["outcome"] == "new"


def test_a_key_that_is_used_for_other_bytes_is_refused(hand: Hand, desk: Desk) -> None:
    first = hand(mail("order"), key="17").json
    problem(hand(mail("other"), key="17"), 422, "key-reused")
    assert len(desk.tickets()) == 1
    assert first


def test_each_program_has_keys_of_its_own(hand: Hand, desk: Desk, new_program: NewProgram) -> None:
    hand(mail("order"), key="17")
    assert hand(mail("other"), key="17", by=new_program("mail:write")).status_code == 200
    assert len(desk.tickets()) == 2


def test_the_same_text_sent_twice_by_two_requests_is_two_messages(hand: Hand, app: Flask) -> None:
    # A form that somebody fills in twice with the same words.
    raw = mail("order")
    first, second = hand(raw, key="17").json, hand(raw, key="18").json
    assert first is not None
    assert second is not None
    assert (first["outcome"], second["outcome"], first["ticket"] != second["ticket"]) == ("new", "new", True)
    assert hand(raw, key="18").json == second
    assert count(app, Ticket) == 2


@pytest.mark.parametrize("key", ["a b", "ä", "x" * 256])
def test_what_is_no_key_is_refused(hand: Hand, app: Flask, key: str) -> None:
    told = problem(hand(mail("order"), key=key), 422, "invalid-value")
    assert told["errors"][0]["field"] == "idempotency_key"
    assert count(app, InboundMail) == 0


@pytest.mark.parametrize("keys", [("17", "17"), ("", "")])
def test_two_at_the_same_moment_make_one_ticket(hand: Hand, app: Flask, keys: tuple[str, str]) -> None:
    raw = mail("order")
    with ThreadPoolExecutor(4) as pool:
        answers = [answer.json for answer in pool.map(lambda key: hand(raw, key=key), keys * 2)]
    assert {answer["ticket"] for answer in answers if answer} == {answers[0] and answers[0]["ticket"]}
    assert (count(app, Ticket), count(app, Article)) == (1, 1)


def test_what_could_not_be_committed_can_be_asked_again(
    hand: Hand, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    raw = mail("order")
    with monkeypatch.context() as patch:
        patch.setattr(recording, "count_mail", die)
        with pytest.raises(Killed):
            hand(raw, key="17")
    assert (count(app, MailRequest), count(app, InboundMail)) == (0, 0)
    again = hand(raw, key="17").json
    assert again is not None
    assert again["outcome"] == "new"


def test_what_the_database_refuses_is_held_once(hand: Hand, app: Flask, desk: Desk) -> None:
    refuse_title(app, "refused")
    raw = mail("refused")
    first = hand(raw, key="17").json
    assert first is not None
    assert (first["outcome"], first["quarantine"]) == ("quarantined", 1)
    assert hand(raw, key="17").json == first
    assert len(desk.ok("quarantine", "list", "--json").json_lines) == 1


def test_what_is_too_large_is_refused(hand: Hand, desk: Desk) -> None:
    desk.ok("setting", "set", "PostmasterMaxEmailSize", "100")
    assert hand(mail("fits", size=90_000)).status_code == 200
    problem(hand(mail("large", size=110_000)), 413, "too-large")
    assert len(desk.tickets()) == 1


def test_what_is_no_message_is_refused(hand: Hand, app: Flask) -> None:
    problem(hand(b""), 422, "no-message")
    problem(hand(mail("order"), kind="text/plain"), 415, "wrong-content-type")
    assert count(app, InboundMail) == 0


@pytest.mark.parametrize("raw", [b"\0", b"\xff\xfe", b"no header at all", b"Subject: x\n" * 5000])
def test_anything_else_is_taken(hand: Hand, app: Flask, raw: bytes) -> None:
    assert hand(raw).status_code == 200
    assert count(app, InboundMail) == 1


def test_old_requests_are_forgotten(hand: Hand, app: Flask) -> None:
    hand(mail("order"), key="17")
    with time_machine.travel(now() + REQUEST_MEMORY + timedelta(minutes=1)), app.app_context():
        remove_old()
    assert count(app, MailRequest) == 0


def test_a_token_hands_mail_into_its_queues_only(hand: Hand, desk: Desk, new_program: NewProgram) -> None:
    limited = new_program("mail:write", "read", queues=["Misc"])
    told = problem(hand(mail("order"), by=limited), 422, "missing-field")
    assert told["errors"][0]["field"] == "queue"
    problem(hand(mail("order"), query="?queue=Raw", by=limited), 404, "unknown-queue")
    answer = hand(mail("order"), query="?queue=Misc", by=limited).json
    assert answer is not None
    assert answer["queue"] == "Misc"
    other = opened(desk, mail("theirs"))
    hidden = hand(mail(f"Re: [Ticket#{other}] theirs"), query="?queue=Misc", by=limited).json
    assert hidden is not None
    assert (hidden["outcome"], hidden["ticket"], hidden["queue"]) == ("follow-up", None, None)


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("", ["second", "first"]),
        ("?q=first", ["first"]),
        ("?sender=ada@example.net", ["second", "first"]),
        ("?subject=second", ["second"]),
        ("?outcome=new", ["second", "first"]),
        ("?outcome=ignored", []),
        ("?since=2100-01-01", []),
        ("?until=2100-01-01", ["second", "first"]),
        ("?message_id=nowhere@example.net", []),
    ],
)
def test_any_message_is_found(desk: Desk, admin: Program, query: str, subjects: list[str]) -> None:
    for subject in ("first", "second"):
        opened(desk, mail(subject))
    assert [row["subject"] for row in admin.get(f"/mail{query}")["items"]] == subjects


def test_a_page_leads_to_the_next(desk: Desk, admin: Program) -> None:
    for number in range(3):
        opened(desk, mail(f"mail {number}", sender=f"{number}@example.net"))
    first = admin.get("/mail?limit=2")
    last = admin.get(f"/mail?limit=2&after={first['next']}")
    assert [row["subject"] for row in first["items"] + last["items"]] == ["mail 2", "mail 1", "mail 0"]
    assert last["next"] is None


def test_a_token_finds_what_is_in_its_queues(desk: Desk, new_program: NewProgram, admin: Program) -> None:
    opened(desk, mail("mine"), "--queue", "Misc")
    opened(desk, mail("theirs"))
    limited = new_program("read", queues=["Misc"])
    mine, theirs = (admin.get(f"/mail?q={subject}")["items"][0]["id"] for subject in ("mine", "theirs"))
    assert [row["subject"] for row in limited.get("/mail")["items"]] == ["mine"]
    assert limited.get("/mail?q=theirs")["items"] == []
    assert limited.get(f"/mail/{mine}")["subject"] == "mine"
    assert limited("GET", f"/mail/{mine}/source").status_code == 200
    for path in (f"/mail/{theirs}", f"/mail/{theirs}/source"):
        problem(limited("GET", path), 404, "unknown-mail")


def test_no_cursor_tells_a_token_of_mail_in_other_queues(desk: Desk, new_program: NewProgram) -> None:
    for subject in ("merger one", "merger two", "merger three"):
        opened(desk, mail(subject))
    opened(desk, mail("mine"), "--queue", "Misc")
    limited = new_program("read", queues=["Misc"])
    for query in ("", "&q=merger", "&subject=merger", "&subject=merger&since=2020-01-01"):
        found = limited.get(f"/mail?limit=1{query}")
        assert [row["subject"] for row in found["items"]] == ([] if query else ["mine"])
        assert found["next"] is None


def test_mail_in_quarantine_is_listed_looked_at_and_released(app: Flask, desk: Desk, admin: Program) -> None:
    raw = mail("held")
    for _ in range(3):
        quarantine(app, raw, None, "held")
    held = admin.get("/quarantine?limit=2")
    assert [row["id"] for row in held["items"]] == [1, 2]
    assert [row["id"] for row in admin.get(f"/quarantine?limit=2&after={held['next']}")["items"]] == [3]
    assert admin.get("/quarantine/1")["reason"] == "unreadable"
    assert admin("GET", "/quarantine/1/source", Range="bytes=0-3").data == raw[:4]
    retried = admin("POST", "/quarantine/1/retry").json
    delivered = admin("POST", "/quarantine/2/deliver", {"queue": "Misc"}).json
    assert retried is not None
    assert delivered is not None
    assert {row["number"]: row["queue"] for row in desk.tickets()} == {
        retried["ticket"]: "Raw",
        delivered["ticket"]: "Misc",
    }
    assert admin("DELETE", "/quarantine/3").status_code == 204
    assert admin.get("/quarantine")["items"] == []
    for method, path in (("POST", "/quarantine/1/retry"), ("DELETE", "/quarantine/3"), ("GET", "/quarantine/3/source")):
        problem(admin(method, path), 404, "unknown-quarantine")


def test_what_cannot_be_released_says_why(app: Flask, desk: Desk, admin: Program) -> None:
    assert desk
    quarantine(app, mail("held"), None)
    problem(admin("POST", "/quarantine/1/deliver", {"queue": "Nowhere"}), 404, "unknown-queue")
    problem(admin("POST", "/quarantine/1/deliver", {}), 422, "missing-field")
    assert admin.get("/quarantine/1")["id"] == 1
