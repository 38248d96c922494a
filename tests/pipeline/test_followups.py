"""Follow-ups: what leads a message to a ticket, and what becomes of it there (docs/glossary.md#follow-up)."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import pytest

from tests.support import Desk, mail

NUMBERS = itertools.count(1)

CLOSED = "X-OTRS-State: closed successful"


def take(desk: Desk, raw: bytes, *options: str) -> Any:
    """Take a message."""
    return desk.ok("read", "--json", *options, input=raw).json


def opened(desk: Desk, *headers: str, **options: Any) -> Any:
    """A ticket, as the message that opened it describes it."""
    result = take(desk, mail(f"ticket {next(NUMBERS)}", headers=headers, **options), "--trusted")
    assert result["outcome"] == "new"
    return result


def reply_to(result: Any, *headers: str, subject: str = "an answer", **options: Any) -> bytes:
    """An answer to the message that ``result`` describes."""
    answers = f"In-Reply-To: <{result['message']['message_id']}>"
    return mail(f"{subject} {next(NUMBERS)}", headers=[answers, *headers], **options)


@pytest.mark.parametrize(
    "subject",
    [
        "[Ticket#{}] printer",
        "Re: [Ticket#{}] printer",
        "AW: WG: [Ticket#{}] printer",
        "RE[2]: [Ticket#{}]printer",
        "printer [Ticket#{}]",
        "ticket#{} has no brackets",
        "Fwd: [Ticket#: {}]",
        "AW: [Case#2026112300001] [Ticket#20991231] [Ticket#{}]",
    ],
)
def test_a_ticket_number_in_the_subject_leads_to_it(shared_desk: Desk, subject: str) -> None:
    first = opened(shared_desk)
    result = take(shared_desk, mail(subject.format(first["ticket"])))
    assert (result["outcome"], result["ticket"]) == ("follow-up", first["ticket"])
    assert result["reason"] == "follow-up-by-number"


@pytest.mark.parametrize(
    "subject",
    ["[Ticket#{}0]", "[Ticket#0{}]", "[XTicket#{}]", "[Case#{}]", "{}", "[Ticket {}]", "[Ticket#{}", "Ticket#"],
)
def test_numbers_of_other_systems_lead_nowhere(shared_desk: Desk, subject: str) -> None:
    number = opened(shared_desk)["ticket"]
    expected = "follow-up" if subject == "[Ticket#{}" else "new"  # a subject that was cut off
    assert take(shared_desk, mail(subject.format(number)))["outcome"] == expected


def test_the_hook_is_the_one_of_the_setting(desk: Desk) -> None:
    desk.ok("setting", "set", "Ticket::Hook", "Vorgang:")
    first = opened(desk)
    assert take(desk, mail(f"[Ticket#{first['ticket']}]"))["outcome"] == "new"
    assert take(desk, mail(f"[Vorgang: {first['ticket']}]"))["ticket"] == first["ticket"]


def test_a_number_from_somebody_who_has_not_written_counts_only_by_the_setting(desk: Desk) -> None:
    first = opened(desk)
    sent = {"subject": f"[Ticket#{first['ticket']}]", "sender": "mallory@example.com"}
    result = take(desk, mail(**sent))
    assert result["outcome"] == "new"
    assert "mallory@example.com has not written to that ticket" in result["trace"][0]["text"]
    assert (
        take(desk, mail(**sent, headers=[f"References: <{first['message']['message_id']}>"]))["outcome"] == "follow-up"
    )
    desk.ok("setting", "set", "AcceptTicketNumberFromStranger", "yes")
    assert take(desk, mail(f"again [Ticket#{first['ticket']}]", sender="eve@example.com"))["ticket"] == first["ticket"]


def test_whoever_has_written_to_a_ticket_may_use_its_number_whatever_the_case_of_the_address(desk: Desk) -> None:
    first = opened(desk)
    take(desk, reply_to(first, sender="bob@example.com"))
    result = take(desk, mail(f"[Ticket#{first['ticket']}]", sender="Bob <BOB@Example.com>"))
    assert result["outcome"] == "follow-up"


@pytest.mark.parametrize(
    "headers",
    [
        ["In-Reply-To: <{}>"],
        ["References: <unknown@example.net> <{}>"],
        ["In-Reply-To: <unknown@example.net>", "References: <{}> <other@example.net>"],
        ["in-reply-to: Your message <{}> of yesterday"],
    ],
)
def test_a_reference_to_a_known_message_leads_to_its_ticket(shared_desk: Desk, headers: list[str]) -> None:
    first = opened(shared_desk)
    sent = mail("another subject", headers=[header.format(first["message"]["message_id"]) for header in headers])
    result = take(shared_desk, sent)
    assert (result["ticket"], result["reason"]) == (first["ticket"], "follow-up-by-reference")


def test_the_nearest_reference_counts_and_the_number_in_the_subject_comes_before_it(desk: Desk) -> None:
    far, near, named = (opened(desk) for _ in range(3))
    ids = [each["message"]["message_id"] for each in (far, near)]
    references = f"References: <{ids[0]}> <{ids[1]}>"
    assert take(desk, mail("x", headers=[references]))["ticket"] == near["ticket"]
    assert take(desk, mail(f"[Ticket#{named['ticket']}]", headers=[references]))["ticket"] == named["ticket"]


def test_an_unknown_reference_leads_nowhere(desk: Desk) -> None:
    unknown = "In-Reply-To: <newsletter@example.net>"
    first = take(desk, mail("first", headers=[unknown]))
    second = take(desk, mail("second", sender="eve@example.com", headers=[unknown]))
    assert (first["outcome"], second["outcome"]) == ("new", "new")


def test_a_message_that_comes_after_its_answer_joins_it(desk: Desk) -> None:
    original = mail("original")
    reply = mail("reply", headers=[f"References: {message_id(original)}"], sender="eve@example.com")
    first = take(desk, reply)
    second = take(desk, original)
    assert (second["ticket"], second["reason"]) == (first["ticket"], "follow-up-answered-before")


def message_id(raw: bytes) -> str:
    """The Message-ID of ``raw``, in its brackets."""
    return raw.decode().partition("Message-ID: ")[2].partition("\r\n")[0]


def thread_index(*steps: int) -> str:
    """An Outlook Thread-Index, with five bytes for each answer."""
    data = b"\x01" + bytes(5) + b"G" * 16 + b"".join(bytes([step]) * 5 for step in steps)
    return f"Thread-Index: {base64.b64encode(data).decode()}"


def test_outlooks_thread_index_leads_from_an_answer_to_what_it_answers_and_from_nothing_else(desk: Desk) -> None:
    first = opened(desk, thread_index())
    answer = take(desk, mail("AW: a", headers=[thread_index(1)], sender="bob@example.com"))
    assert (answer["ticket"], answer["reason"]) == (first["ticket"], "follow-up-by-thread-index")
    # Another answer to somebody else's message of the conversation, the same message again, and what is no index.
    assert take(desk, mail("x", headers=[thread_index(1, 2, 3)]))["ticket"] == first["ticket"]
    for header in (thread_index(), "Thread-Index: AAAA", "Thread-Index: ???", thread_index().replace("AQ", "Ag")):
        assert take(desk, mail("x", headers=[header]))["outcome"] == "new"
    elsewhere = take(desk, mail("x", headers=[thread_index(1), "In-Reply-To: <unknown@example.net>"]))
    assert elsewhere["outcome"] == "new"


BOUNCE = """From: Mail Delivery <mailer-daemon@mx.example.org>
Subject: Undelivered Mail
Return-Path: <>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

It could not be delivered.
--b
Content-Type: {status}

Final-Recipient: rfc822; ada@example.net
Action: failed
--b
Content-Type: {kind}

{original}

An answer.
--b--
"""


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
@pytest.mark.parametrize(
    "original",
    ["Message-ID: <{id}>", "In-Reply-To: <{id}>", "From: desk@example.org\nTo: ada@example.net\nSubject: [Ticket#{n}]"],
)
def test_a_bounce_leads_to_the_ticket_of_what_it_brings_back_and_does_not_reopen_it(
    shared_desk: Desk, kind: str, original: str
) -> None:
    first = opened(shared_desk, CLOSED)
    words = original.format(id=first["message"]["message_id"], n=first["ticket"])
    bounce = BOUNCE.format(status="message/delivery-status", kind=kind, original=words)
    result = take(shared_desk, bounce.encode())
    assert (result["ticket"], result["reason"]) == (first["ticket"], "follow-up-by-bounce")
    assert (result["loop"], result["attributes"]["state"]) == (True, "closed successful")


def test_a_forwarded_message_is_no_bounce(desk: Desk) -> None:
    first = opened(desk)
    words = f"Message-ID: <{first['message']['message_id']}>"
    bounce = BOUNCE.format(status="message/delivery-status", kind="message/rfc822", original=words)
    forwarded = bounce.replace("multipart/report; report-type=delivery-status;", "multipart/mixed;")
    forwarded = forwarded.replace("Mail Delivery <mailer-daemon@mx.example.org>", "eve@example.com")
    assert take(desk, forwarded.replace("Return-Path: <>\n", "").encode())["outcome"] == "new"


def test_a_bounce_lends_no_stranger_a_ticket_number(desk: Desk) -> None:
    first = opened(desk)
    words = f"From: mallory@example.com\nTo: eve@example.com\nSubject: [Ticket#{first['ticket']}]"
    bounce = BOUNCE.format(status="message/delivery-status", kind="message/rfc822", original=words)
    assert take(desk, bounce.encode())["outcome"] == "new"


ATTACHED = """From: ada@example.net
Subject: see below
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b

Nothing here.
--b
Content-Type: text/plain
Content-Disposition: attachment; filename=note.txt

It is about Ticket#{}.
--b--
"""


@pytest.mark.parametrize(
    ("setting", "raw"),
    [
        ("PostmasterFollowUpSearchInBody", "From: ada@example.net\n\nIt is about Ticket#{}.\n"),
        ("PostmasterFollowUpSearchInAttachment", ATTACHED),
    ],
)
def test_body_and_attachments_are_searched_only_by_their_settings(desk: Desk, setting: str, raw: str) -> None:
    first = opened(desk)
    sent = raw.format(first["ticket"])
    assert take(desk, sent.encode())["outcome"] == "new"
    desk.ok("setting", "set", setting, "yes")
    assert take(desk, sent.encode(), "--again")["ticket"] == first["ticket"]


POLICIES = [
    ("possible", "follow-up", "open"),
    ("reject", "rejected", "closed successful"),
    ("new-ticket", "new", "closed successful"),
]


@pytest.mark.parametrize(("policy", "outcome", "state"), POLICIES)
def test_the_queues_policy_decides_about_follow_ups_to_closed_tickets(
    desk: Desk, policy: str, outcome: str, state: str
) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", policy)
    first = opened(desk, CLOSED)
    result = take(desk, reply_to(first))
    old = desk.ok("ticket", "show", first["ticket"], "--json").json
    assert (result["outcome"], old["state"]) == (outcome, state)
    assert len(old["articles"]) == (1 if policy == "new-ticket" else 2)
    if policy == "new-ticket":
        new = desk.ok("ticket", "show", result["ticket"], "--json").json
        assert (new["follows"], old["followed_by"]) == ([first["ticket"]], [new["number"]])
        assert result["attributes"]["follows"] == [first["ticket"]]
        # The next answer goes to the ticket that was opened for them, until that is closed as well.
        assert take(desk, reply_to(first))["ticket"] == new["number"]
        desk.ok("ticket", "set", new["number"], "--state", "closed successful")
        assert take(desk, reply_to(first))["outcome"] == "new"
    else:
        assert result["ticket"] == first["ticket"]


@pytest.mark.parametrize(("policy", "_outcome", "_state"), POLICIES)
def test_a_follow_up_to_an_open_ticket_is_one_whatever_the_policy(
    desk: Desk, policy: str, _outcome: str, _state: str
) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", policy)
    assert take(desk, reply_to(opened(desk)))["outcome"] == "follow-up"


@pytest.mark.parametrize(
    ("before", "headers", "state"),
    [
        ("new", [], "new"),
        ("open", [], "open"),
        ("pending reminder", [], "open"),
        ("closed successful", [], "open"),
        ("merged", [], "open"),
        ("new", ["X-OTRS-FollowUp-State: closed successful"], "closed successful"),
        ("closed successful", ["X-OTRS-FollowUp-State: new"], "new"),
        ("closed successful", ["X-OTRS-FollowUp-State-Keep: yes"], "closed successful"),
        ("closed successful", ["X-OTRS-FollowUp-State-Keep: yes", "X-OTRS-FollowUp-State: new"], "closed successful"),
        ("closed successful", ["Auto-Submitted: auto-replied"], "closed successful"),
        ("pending reminder", ["Auto-Submitted: auto-replied"], "pending reminder"),
        ("closed successful", ["Precedence: auto_reply", "X-OTRS-FollowUp-State: open"], "closed successful"),
        ("closed successful", ["Precedence: auto_reply", "X-OTRS-FollowUp-State: merged"], "merged"),
        ("closed successful", ["Precedence: auto_reply", "X-OTRS-FollowUp-Loop: no"], "open"),
        ("closed successful", ["Precedence: bulk"], "closed successful"),
        ("closed successful", ["Precedence: list"], "open"),
        ("closed successful", ["Precedence: list", "X-OTRS-FollowUp-Loop: yes"], "closed successful"),
        ("closed successful", ["X-OTRS-State: new"], "open"),
    ],
)
def test_the_state_after_a_follow_up(shared_desk: Desk, before: str, headers: list[str], state: str) -> None:
    first = opened(shared_desk, f"X-OTRS-State: {before}")
    result = take(shared_desk, reply_to(first, *headers), "--trusted")
    assert (result["outcome"], result["attributes"]["state"]) == ("follow-up", state)
    assert shared_desk.ok("ticket", "show", first["ticket"], "--json").json["state"] == state


def test_the_state_of_the_setting_is_given_and_a_pending_time_is_over(desk: Desk) -> None:
    desk.ok("setting", "set", "PostmasterFollowUpState", "new")
    first = opened(desk, "X-OTRS-State: pending reminder", "X-OTRS-State-PendingTime: +1d")
    assert first["attributes"]["pending_time"] is not None
    result = take(desk, reply_to(first))
    assert (result["attributes"]["state"], result["attributes"]["pending_time"]) == ("new", None)


def test_headers_of_a_follow_up_change_the_ticket_and_nothing_else(desk: Desk) -> None:
    first = opened(desk, "X-OTRS-Priority: 4 high", "X-OTRS-Title: Kept")
    headers = ["X-OTRS-FollowUp-Queue: Misc", "X-OTRS-FollowUp-SenderType: agent", "X-OTRS-Title: Not this one"]
    take(desk, reply_to(first, *headers), "--trusted")
    ticket = desk.ok("ticket", "show", first["ticket"], "--json").json
    assert (ticket["queue"], ticket["title"], ticket["priority"]) == ("Misc", "Kept", "4 high")
    assert [article["sender_type"] for article in ticket["articles"]] == ["customer", "agent"]
