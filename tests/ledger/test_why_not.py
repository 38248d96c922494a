"""Why not? The first thing that stood against a queue, a filter or a ticket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Desk, mail

FILTERS = {
    "10 orders": ("--match", "Subject=order", "--match", "From=shop", "--set", "X-OTRS-Queue=Junk"),
    "20 negated": ("--not-match", "Subject=parcel", "--set", "X-OTRS-Queue=Junk"),
    "30 absent": ("--match", "X-Nowhere=a", "--set", "X-OTRS-Queue=Junk"),
    "40 bulk": ("--match", "Subject=parcel", "--set", "X-OTRS-Queue=Postmaster", "--stop", "yes"),
    "50 late": ("--match", "Subject=parcel", "--set", "X-OTRS-Queue=Junk"),
}


def filters(desk: Desk, *names: str, **options: str) -> None:
    """Add those of ``FILTERS``."""
    more = [word for name, value in options.items() for word in (f"--{name}", value)]
    for name in names:
        desk.ok("filter", "add", "--name", name, *FILTERS[name], *more)


def take(desk: Desk, *words: str, subject: str = "Where is my parcel?", **options: Any) -> int:
    """Have a message taken by the pipe; returns its id in the ledger."""
    desk.ok("read", *words, input=mail(subject, **options))
    [newest, *_] = desk.ok("mail", "find", "--json", "--limit", 1).json_lines
    assert isinstance(newest["id"], int)
    return newest["id"]


def why(desk: Desk, number: int, **asked: str) -> Any:
    """``flask mail why ID --json``."""
    [(what, name)] = asked.items()
    return desk.ok("mail", "why", number, f"--{what}", name, "--json").json


@pytest.fixture
def queues(desk: Desk) -> Desk:
    """A desk with one queue more."""
    desk.ok("queue", "add", "--name", "Sales")
    return desk


@pytest.mark.parametrize(
    ("added", "asked", "kind", "sentence"),
    [
        # Virtomize/mail2most#40, ranmocy/gmail-automata#2
        (("10 orders",), "10 orders", "condition", "Subject must match “order”, but has “Where is my parcel?”."),
        (("20 negated",), "20 negated", "condition", "Subject must not match “parcel”, but has “parcel”."),
        (("30 absent",), "30 absent", "condition", "the message has no such header, which counts as an empty one."),
        (("40 bulk", "50 late"), "50 late", "order", "“40 bulk” matched and stops."),
    ],
)
def test_a_filter_names_the_first_thing_that_stood_against_it(
    desk: Desk, added: tuple[str, ...], asked: str, kind: str, sentence: str
) -> None:
    filters(desk, *added)
    told = why(desk, take(desk), filter=asked)
    assert told["stood_against"]["kind"] == kind
    assert sentence in told["answer"]
    assert told["stood_against"]["filter"] == asked


def test_a_filter_of_another_account_says_so(desk: Desk) -> None:
    desk.add_account(type="POP3", host="pop.example.org", dispatching="to")
    filters(desk, "50 late", account="1")
    told = why(desk, take(desk), filter="50 late")
    assert "It is not for mail of this account." in told["answer"]
    assert told["stood_against"]["kind"] == "value"


def test_a_filter_that_is_not_valid_says_so(desk: Desk) -> None:
    filters(desk, "50 late", validity="invalid")
    told = why(desk, take(desk), filter="50 late")
    assert told["stood_against"] == {
        "kind": "validity",
        "text": "The filter “50 late” is not valid, so it is not tried.",
    }


def test_a_filter_that_matches_says_what_it_sets(desk: Desk) -> None:
    filters(desk, "50 late")
    told = why(desk, take(desk), filter="50 late")
    assert told["stood_against"] is None
    assert told["answer"] == "The filter “50 late” matches, and sets X-OTRS-Queue: Junk."


def test_a_queue_names_the_condition_that_was_not_met(queues: Desk) -> None:
    filters(queues, "10 orders")
    told = why(queues, take(queues), queue="Junk")
    assert told["stood_against"]["pattern"] == "order"
    assert told["stood_against"]["value"] == "Where is my parcel?"
    assert [each["kind"] for each in told["also"]] == ["value"]


def test_a_queue_that_comes_too_late_names_what_came_first(queues: Desk) -> None:
    for address, queue in (("desk@example.org", "Misc"), ("sales@example.org", "Sales")):
        queues.ok("address", "add", "--address", address, "--name", queue, "--queue", queue)
    number = take(queues, to="desk@example.org, sales@example.org")
    told = why(queues, number, queue="Sales")
    assert told["answer"] == (
        "“Sales” is named by the address sales@example.org; "
        "but what comes first is the address desk@example.org: “Misc”."
    )
    assert told["stood_against"]["kind"] == "order"


def test_a_filter_that_was_overruled_names_the_one_that_did_it(queues: Desk) -> None:
    filters(queues, "50 late")
    queues.ok("filter", "add", "--name", "60 later", "--match", "Subject=parcel", "--set", "X-OTRS-Queue=Sales")
    told = why(queues, take(queues), queue="Junk")
    assert told["answer"] == (
        "The filter “50 late” matches, but X-OTRS-Queue is then set to “Sales” by the filter “60 later”."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "it was sent to desk@example.org, and that queue has sales@example.org."),
        (
            ("--validity", "invalid"),
            "It was sent to sales@example.org, which is linked with “Sales”, but is not valid.",
        ),
    ],
)
def test_addresses_that_do_not_lead_there_are_named(queues: Desk, options: tuple[str, ...], sentence: str) -> None:
    address = ("--address", "sales@example.org", "--name", "Sales", "--queue", "Sales")
    queues.ok("address", "add", *address, *options)
    number = take(queues, to="sales@example.org" if options else "desk@example.org")
    assert sentence in why(queues, number, queue="Sales")["answer"]


def test_a_queue_that_is_not_valid_is_the_first_to_be_named(queues: Desk) -> None:
    number = take(queues)
    queues.ok("queue", "set", "Sales", "--validity", "invalid")
    assert why(queues, number, queue="Sales")["stood_against"]["kind"] == "validity"


def test_a_filter_into_the_queue_that_is_not_valid_is_named(queues: Desk) -> None:
    filters(queues, "50 late", validity="invalid")
    told = why(queues, take(queues), queue="Junk")
    assert told["answer"] == "The filter “50 late” leads into “Junk”, but is not valid."


def test_mail_that_went_there_says_so_also_after_it_was_moved(queues: Desk) -> None:
    number = take(queues, "--queue", "Sales")
    assert why(queues, number, queue="Sales")["answer"].startswith("It is there: its ticket ")
    queues.ok("ticket", "set", queues.tickets()[0]["number"], "--queue", "Misc")
    assert "was moved to “Misc” later." in why(queues, number, queue="Sales")["answer"]


def test_rules_that_changed_since_are_told(queues: Desk) -> None:
    number = take(queues)
    filters(queues, "50 late")
    told = why(queues, number, queue="Junk")
    assert told["answer"].startswith("Nothing stands against it now: it would go to “Junk”.")
    assert "Rules or tickets have changed since it came." in told["differs"]


def test_a_follow_up_never_gets_as_far_as_a_queue(queues: Desk) -> None:
    take(queues)
    ticket = queues.tickets()[0]["number"]
    number = take(queues, subject=f"Re: [Ticket#{ticket}]")
    told = why(queues, number, queue="Sales")
    assert told["answer"] == (
        f"It did not get as far as that. Follow-up {ticket}, which is in “Raw”: "
        "Its subject has the number of the ticket."
    )


def test_ignored_mail_is_answered_without_its_source(queues: Desk) -> None:
    queues.ok("filter", "add", "--name", "10 drop", "--match", "Subject=parcel", "--set", "X-OTRS-Ignore=yes")
    number = take(queues)
    assert "X-OTRS-Ignore says that it is dropped" in why(queues, number, queue="Sales")["answer"]
    refused = queues.run("mail", "why", number, "--filter", "10 drop")
    assert (refused.exit_code, "is not kept, so no filter can be tried" in refused.stderr) == (2, True)


def test_mail_of_a_storm_says_that_it_is_held(queues: Desk) -> None:
    queues.ok("setting", "set", "TicketsPerSenderHour", "1")
    take(queues, subject="first")
    number = take(queues, subject="second")
    told = why(queues, number, queue="Sales")
    assert told["stood_against"]["reason"] == "too-many-from-sender"


def test_a_ticket_whose_number_is_not_named_says_what_is(desk: Desk) -> None:
    take(desk)
    ticket = desk.tickets()[0]["number"]
    number = take(desk, subject="something else")
    told = why(desk, number, ticket=ticket)
    assert told["answer"] == (
        f"Nothing in it names the ticket {ticket}: it has no ticket number, "
        "and answers no message (In-Reply-To, References)."
    )


@pytest.mark.parametrize(
    ("subject", "body", "sentence"),
    [
        ("Re: {}", "hello", "The subject has {}, but not after “Ticket#” (Ticket::Hook)."),
        ("Re: hello", "Ticket#{}", "Only the text has {}: it is not searched (PostmasterFollowUpSearchInBody)"),
    ],
)
def test_a_number_in_the_wrong_place_is_named(desk: Desk, subject: str, body: str, sentence: str) -> None:
    take(desk)
    ticket = desk.tickets()[0]["number"]
    number = take(desk, subject=subject.format(ticket), body=body.format(ticket))
    assert sentence.format(ticket) in why(desk, number, ticket=ticket)["answer"]


def test_a_number_from_a_stranger_does_not_count(desk: Desk) -> None:
    take(desk)
    ticket = desk.tickets()[0]["number"]
    number = take(desk, subject=f"[Ticket#{ticket}] hello", sender="bob@example.com")
    told = why(desk, number, ticket=ticket)
    assert "bob@example.com has not written to that ticket: the number does not count." in told["answer"]
    assert told["stood_against"]["setting"] == "AcceptTicketNumberFromStranger"


def test_of_two_numbers_the_first_counts(desk: Desk) -> None:
    take(desk, subject="one")
    take(desk, subject="two")
    second, first = (row["number"] for row in desk.tickets())
    number = take(desk, subject=f"[Ticket#{first}] [Ticket#{second}] hello")
    told = why(desk, number, ticket=second)
    assert f"but {first} comes first: Its subject has the number of the ticket." in told["answer"]


def test_a_closed_ticket_whose_queue_opens_new_ones_says_so(desk: Desk) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", "new-ticket")
    take(desk)
    ticket = desk.tickets()[0]["number"]
    desk.ok("ticket", "set", ticket, "--state", "closed successful")
    number = take(desk, subject=f"[Ticket#{ticket}] hello")
    told = why(desk, number, ticket=ticket)
    assert told["answer"] == f"The ticket {ticket} is closed, and its queue Raw opens a new one for follow-ups."


def test_a_ticket_that_was_merged_says_into_which(desk: Desk) -> None:
    take(desk, subject="one")
    number = take(desk, subject="two")
    second, first = (row["number"] for row in desk.tickets())
    desk.ok("ticket", "merge", second, "--into", first)
    assert why(desk, number, ticket=second)["answer"] == (
        f"The ticket {second} was merged into {first}, which has this message."
    )


def test_to_ask_changes_nothing(desk: Desk) -> None:
    number = take(desk)
    before = desk.ok("mail", "show", number, "--json").json
    why(desk, number, queue="Junk")
    assert desk.ok("mail", "show", number, "--json").json == before
    assert len(desk.tickets()) == 1


def test_an_answer_that_came_first_is_not_taken_for_the_reason(desk: Desk) -> None:
    answered = mail("question").replace(b"Message-ID: <", b"X-Old: <")
    question = b"Message-ID: <question@example.net>\r\n" + answered
    answer = mail("Re: question", headers=["In-Reply-To: <question@example.net>"])
    desk.ok("read", input=question)
    desk.ok("read", input=answer)
    told = why(desk, 1, queue="Junk")
    assert told["differs"] is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Name one of --queue, --filter and --ticket."),
        (("--queue", "a", "--ticket", "1"), "Name one of --queue, --filter and --ticket."),
        (("--queue", "Nowhere"), "There is no queue “Nowhere”"),
        (("--filter", "Nowhere"), "There is no filter “Nowhere”"),
        (("--ticket", "17"), "There is no ticket “17”"),
    ],
)
def test_each_refusal_says_what_is_wrong(desk: Desk, words: tuple[str, ...], sentence: str) -> None:
    number = take(desk)
    result = desk.run("mail", "why", number, *words)
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert desk.run("mail", "why", 99, "--queue", "Raw").exit_code == 2
