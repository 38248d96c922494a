"""Headers, settings and subjects as OTRS, Znuny and OTOBO understand them (docs/import-otrs.md)."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postmaster.pipeline.ticket_numbers import Hook, clean_title, find_numbers
from tests.support import Desk, mail

NUMBERS = itertools.count(1)
LISTS = {
    "Ticket::Types": "Unclassified; Incident=12",
    "Ticket::Owners": "bob=7; eve=9",
    "Ticket::DynamicFields": "Room; TicketFreeKey1; TicketFreeText16",
    "Article::DynamicFields": "Tone; Room",
}


@pytest.fixture(scope="module")
def words(shared_desk: Desk) -> Desk:
    """An app whose lists have something to choose from."""
    for name, value in LISTS.items():
        shared_desk.ok("setting", "set", name, value)
    return shared_desk


def take(desk: Desk, *headers: str, subject: str = "case", **options: Any) -> Any:
    """Take a message of a trusted account."""
    raw = mail(f"{subject} {next(NUMBERS)}", headers=[f"X-OTRS-{header}" for header in headers], **options)
    return desk.ok("read", "--json", "--trusted", input=raw).json


def follow(desk: Desk, first: Any, *headers: str) -> Any:
    """Take a follow-up to the ticket of ``first``, and see that it is one."""
    result = take(desk, *(f"FollowUp-{header}" for header in headers), subject=f"Re: [Ticket#{first['ticket']}]")
    assert (result["outcome"], result["ticket"]) == ("follow-up", first["ticket"])
    return result


def noted(result: Any) -> str:
    """What the trace says of headers that are left out."""
    return " ".join(line["text"] for line in result["trace"] if line["stage"] == "headers")


# IDs: znuny/Znuny scripts/test/PostMaster/X-OTRS-IDs.t, X-OTRS-FollowUp-Persons.t


def test_all_ids_are_understood_in_new_mail_and_in_follow_ups(words: Desk) -> None:
    first = take(words, "StateID: 2", "PriorityID: 5", "TypeID: 12", "QueueID: 3")
    got = first["attributes"]
    assert (got["state"], got["priority"], got["type"], first["queue"]) == (
        "closed successful",
        "5 very high",
        "Incident",
        "Junk",
    )
    later = follow(words, first, "StateID: 3", "PriorityID: 2", "TypeID: 1", "QueueID: 4")
    got = later["attributes"]
    assert (got["state"], got["priority"], got["type"], later["queue"]) == (
        "closed unsuccessful",
        "2 low",
        "Unclassified",
        "Misc",
    )


@pytest.mark.parametrize(
    ("headers", "field", "value"),
    [
        (("StateID: 4", "State: closed successful"), "state", "open"),
        (("State: closed successful", "StateID: 4"), "state", "open"),
        (("PriorityID: 1", "Priority: 4 high"), "priority", "1 very low"),
        (("TypeID: 12", "Type: Unclassified"), "type", "Incident"),
        (("OwnerID: 7", "Owner: eve"), "owner", "eve"),
    ],
)
def test_an_id_comes_before_the_name_except_of_people(
    words: Desk, headers: tuple[str, ...], field: str, value: str
) -> None:
    assert take(words, *headers)["attributes"][field] == value


@pytest.mark.parametrize(
    ("headers", "field", "value"),
    [
        (("StateID: 77", "State: closed successful"), "state", "closed successful"),
        (("StateID: 77",), "state", "new"),
        (("PriorityID: six",), "priority", "3 normal"),
        (("OwnerID: 9", "Owner: mallory"), "owner", "eve"),
        (("TypeID: 2",), "type", "Unclassified"),  # Incident, the second one, says that it is 12
    ],
)
def test_an_id_that_nothing_has_falls_back_and_is_noted(
    words: Desk, headers: tuple[str, ...], field: str, value: str
) -> None:
    result = take(words, *headers)
    assert result["attributes"][field] == value
    assert "left out" in noted(result)


def test_a_state_of_ones_own_has_the_id_that_was_entered(desk: Desk) -> None:
    usual = desk.ok("setting", "get", "Ticket::States").stdout.strip()
    desk.ok("setting", "set", "Ticket::States", f"waiting=open=21; parked=pending reminder; {usual}")
    assert take(desk, "StateID: 21")["attributes"]["state"] == "waiting"
    assert take(desk, "StateID: 4")["attributes"]["state"] == "open"  # the usual ones keep theirs, in any place
    assert take(desk, "StateID: 2")["attributes"]["state"] == "closed successful"
    refused = desk.run("setting", "set", "Ticket::States", f"waiting=open=4; {usual}")
    assert (refused.exit_code, "gives the ID 4 twice" in refused.stderr) == (2, True)


def test_a_queue_is_called_by_its_number_and_by_its_id_if_it_has_none(desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Sales", "--number", "17")
    desk.ok("queue", "add", "--name", "Support", "--number", "4", "--validity", "invalid")  # Misc has this id
    assert take(desk, "QueueID: 17")["queue"] == "Sales"
    assert take(desk, "QueueID: 3")["queue"] == "Junk"
    result = take(desk, "QueueID: 4", "Queue: Sales")
    assert (result["queue"], "no valid queue" in noted(result)) == ("Sales", True)
    refused = desk.run("queue", "set", "Junk", "--number", "17")
    assert (refused.exit_code, "which is already that of the queue “Sales”" in refused.stderr) == (2, True)


# Fields: scripts/test/PostMaster.t, ZeroValues.t


def test_old_names_of_free_fields_set_the_dynamic_fields_that_took_their_place(words: Desk) -> None:
    first = take(words, "TicketKey1: Floor", "TicketValue16: 4", "DynamicField-TicketFreeKey1: x")
    assert first["attributes"]["dynamic_fields"] == {"TicketFreeKey1": "Floor", "TicketFreeText16": "4"}
    later = follow(words, first, "TicketKey1: 0")
    assert later["attributes"]["dynamic_fields"] == {"TicketFreeKey1": "0", "TicketFreeText16": "4"}


@pytest.mark.parametrize("header", ["TicketKey2: x", "TicketKey: x", "TicketKey01: x", "ArticleValue1: x"])
def test_a_field_that_there_is_not_is_left_out(words: Desk, header: str) -> None:
    result = take(words, header)
    assert (result["attributes"]["dynamic_fields"], result["attributes"]["article_fields"]) == ({}, {})


def test_a_field_that_no_list_has_is_noted(words: Desk) -> None:
    assert "TicketFreeKey2, which is not a field of Ticket::DynamicFields" in noted(take(words, "TicketKey2: x"))
    assert "Ticket::DynamicFields or Article::DynamicFields" in noted(take(words, "DynamicField-Smell: x"))


def test_fields_of_articles_belong_to_the_article_that_brought_them(words: Desk) -> None:
    first = take(words, "DynamicField-Tone: friendly", "DynamicField-Room: 4")
    follow(words, first, "DynamicField-Tone: angry")
    ticket = words.ok("ticket", "show", first["ticket"], "--json").json
    assert ticket["dynamic_fields"] == {"Room": "4"}
    fields = [article["article_fields"] for article in ticket["articles"]]
    assert fields == [{"Tone": "friendly", "Room": "4"}, {"Tone": "angry"}]


# Pending times: scripts/test/PostMaster/PendingTime.t


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("60", 60),
        ("+60", 60),
        ("+60s", 60),
        ("30m", 1800),
        ("+ 2 h", 7200),
        ("+3D", 259_200),
        ("+2w", 1_209_600),
        ("-5m", -300),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_pending_time_may_be_counted_from_now(words: Desk, value: str, seconds: int, late: bool) -> None:
    headers = ("State: pending reminder", f"State-PendingTime: {value}")
    first = take(words, *(() if late else headers))
    before = datetime.now(UTC) - timedelta(minutes=1)
    result = follow(words, first, *headers) if late else first
    at = datetime.fromisoformat(result["attributes"]["pending_time"]) - timedelta(seconds=seconds)
    assert before <= at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2031-05-06 07:08:09", "2031-05-06T07:08:09"),
        ("2031-05-06 07:08", "2031-05-06T07:08:00"),
        ("2031-5-6", "2031-05-06T00:00:00"),
        ("2031-05-06T07:08:09Z", "2031-05-06T07:08:09"),
        ("2031-05-06T07:08:09+02:00", "2031-05-06T05:08:09"),
        ("2031-05-06 07:08:09 -0130", "2031-05-06T08:38:09"),
        ("2031-05-06 07:08:09 Europe/Berlin", "2031-05-06T05:08:09"),
    ],
)
def test_a_pending_time_may_be_a_date(words: Desk, value: str, moment: str) -> None:
    result = take(words, "State: pending reminder", f"State-PendingTime: {value}")
    assert result["attributes"]["pending_time"] == f"{moment}+00:00"


ODD = ["+60y", "+30s +30m", "2031-01- 00:00:00", "2031-13-01 00:00:00", "+999999999d", "0001-01-01", "tomorrow",
       "+1d 2h", "2031-05-06 07:08:09 Nowhere/City", "2031-05-06 07:08:09 Europe", "9999-12-31 23:59:59", "+",
       "٣d"]  # fmt: skip


@pytest.mark.parametrize("value", ODD)
def test_a_pending_time_that_is_none_is_left_out_with_a_note(words: Desk, value: str) -> None:
    result = take(words, "State: pending reminder", f"State-PendingTime: {value}")
    assert (result["outcome"], result["attributes"]["state"]) == ("new", "pending reminder")
    assert result["attributes"]["pending_time"] is None
    assert "X-OTRS-State-PendingTime" in noted(result)


# Subjects: scripts/test/Ticket/TicketSubject.t, scripts/test/PostMaster/FollowUp.t


@pytest.mark.parametrize(
    ("divider", "text", "found"),
    [
        ("", "[Ticket#2026112300012]", True),
        ("", "[Ticket#: 2026112300012]", True),
        (":", "Ticket#:2026112300012", True),
        (":", "[Ticket# : 2026112300012]", True),
        ("-", "[Ticket#-2026112300012]", True),
        ("-", "[Ticket#2026112300012]", True),
        ("No.", "[ticket# no. 2026112300012]", True),
        ("", "[Ticket#-2026112300012]", False),
        ("No.", "[Ticket#Nox2026112300012]", False),
    ],
)
def test_a_divider_may_stand_between_hook_and_number(divider: str, text: str, found: bool) -> None:
    assert find_numbers(text, Hook("Ticket#", divider)) == (("2026112300012",) if found else ())


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("[Ticket#2026112300012] printer", "printer"),
        ("Re: [Ticket#2026112300012] printer", "printer"),
        ("AW: WG: [Ticket#: 2026112300012] RE[4]: printer", "printer"),
        ("Fwd (2): printer [Ticket#2026112300012]", "printer"),
        ("printer Ticket#2026112300012 is broken", "printer is broken"),
        ("Re: [ Ticket#2026112300012 ] [Ticket#2026112300013] [x] printer", "[x] printer"),
        ("Re: printer", "Re: printer"),  # the first mail of a ticket keeps what somebody wrote
        ("[Case#2026112300012] printer", "[Case#2026112300012] printer"),
        ("[Ticket#1] printer", "[Ticket#1] printer"),
        ("Re: [Ticket#2026112300012]", "(no subject)"),
        ("", "(no subject)"),
        ("Report: [Ticket#2026112300012] x", "Report: x"),
    ],
)
def test_a_title_has_no_number_of_another_ticket(subject: str, title: str) -> None:
    assert clean_title(subject, Hook("Ticket#")) == title


def test_hundreds_of_hooks_and_prefixes_take_no_time() -> None:
    subject = "Re: " * 50_000 + "[Ticket#" * 50_000 + "[   Ticket#   " * 10_000 + "[Ticket#2026112300012]"
    begun = datetime.now(UTC)
    assert clean_title(subject, Hook("Ticket#", "-")).startswith("[Ticket#")
    assert datetime.now(UTC) - begun < timedelta(seconds=5)


def test_the_ticket_that_a_closed_one_leads_to_has_a_title_of_its_own(desk: Desk) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", "new-ticket")
    first = take(desk, "State: closed successful", subject="printer")
    result = take(desk, subject=f"Re: [Ticket#{first['ticket']}] printer")
    assert (result["outcome"], result["title"][:8]) == ("new", "printer ")
    assert result["message"]["subject"].startswith("Re: [Ticket#")
    assert take(desk, "Title: [Ticket#2026112300012] kept")["title"] == "[Ticket#2026112300012] kept"


def test_the_divider_is_a_setting_that_may_be_empty(desk: Desk) -> None:
    first = take(desk)
    subject = f"[Ticket#--{first['ticket']}]"
    assert take(desk, subject=subject)["outcome"] == "new"
    desk.ok("setting", "set", "Ticket::HookDivider", "--", "--")
    assert take(desk, subject=subject)["ticket"] == first["ticket"]
    desk.ok("setting", "set", "Ticket::HookDivider", "")
    assert take(desk, subject=subject)["outcome"] == "new"
    assert desk.run("setting", "set", "Ticket::HookDivider", "[1]").exit_code == 2


# Policies: scripts/test/PostMaster/FollowUp.t

OUTCOMES = {
    "closed successful": ("follow-up", "rejected", "new"),
    "closed unsuccessful": ("follow-up", "rejected", "new"),
    "removed": ("follow-up", "rejected", "new"),
    "merged": ("follow-up", "follow-up", "follow-up"),
    "new": ("follow-up", "follow-up", "follow-up"),
    "open": ("follow-up", "follow-up", "follow-up"),
    "pending reminder": ("follow-up", "follow-up", "follow-up"),
}


@pytest.mark.parametrize(("policy", "place"), [("possible", 0), ("reject", 1), ("new-ticket", 2)])
def test_the_policy_counts_in_the_states_in_which_theirs_counts(desk: Desk, policy: str, place: int) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", policy)
    for state, outcomes in OUTCOMES.items():
        first = take(desk, f"State: {state}")
        assert take(desk, subject=f"FollowUp Ticket#{first['ticket']}")["outcome"] == outcomes[place], state


# States: scripts/test/PostMaster/KeepState.t


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("new", "new"),
        ("open", "open"),
        ("in work", "open"),
        ("pending reminder", "open"),
        ("closed successful", "in work"),
        ("removed", "open"),
    ],
)
def test_the_state_after_a_follow_up_is_that_of_the_settings(desk: Desk, before: str, after: str) -> None:
    states = desk.ok("setting", "get", "Ticket::States").stdout.strip()
    desk.ok("setting", "set", "Ticket::States", f"{states}; in work=open")
    desk.ok("setting", "set", "PostmasterFollowUpStateClosed", "in work")
    first = take(desk, f"State: {before}")
    assert follow(desk, first, "State-Keep: yes")["attributes"]["state"] == before
    assert follow(desk, first)["attributes"]["state"] == after


def test_the_state_for_closed_tickets_is_one_of_the_list_or_none(desk: Desk) -> None:
    refused = desk.run("setting", "set", "PostmasterFollowUpStateClosed", "happy")
    assert (refused.exit_code, "is “happy”, which is not in Ticket::States" in refused.stderr) == (2, True)
    desk.ok("setting", "set", "PostmasterFollowUpStateClosed", "new")
    refused = desk.run("setting", "set", "Ticket::States", "open=open; merged=merged")
    assert refused.exit_code == 2
    desk.ok("setting", "set", "PostmasterFollowUpStateClosed", "")
    assert desk.ok("setting", "get", "PostmasterFollowUpStateClosed").stdout == "\n"


# Bounces: scripts/test/PostMaster/BounceEmail.t


@pytest.mark.parametrize("policy", ["possible", "reject", "new-ticket"])
@pytest.mark.parametrize(("setting", "state"), [("no", "closed successful"), ("yes", "open")])
def test_a_bounce_reopens_only_by_the_setting_and_never_opens_a_second_ticket(
    desk: Desk, policy: str, setting: str, state: str
) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", policy)
    desk.ok("setting", "set", "PostmasterBounceEmailAsFollowUp", setting)
    first = take(desk, "State: closed successful")
    report = _bounce_of(first)
    result = desk.ok("read", "--json", input=report).json
    assert (result["ticket"], result["attributes"]["state"]) == (first["ticket"], state)
    assert result["outcome"] == ("rejected" if (policy, setting) == ("reject", "no") else "follow-up")


def _bounce_of(first: Any) -> bytes:
    return f"""From: Mail Delivery System <MAILER-DAEMON@mx.example.com>
To: desk@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce-{next(NUMBERS)}@mx.example.com>
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; ann@example.com
Action: failed

--b
Content-Type: message/rfc822

From: desk@example.com
To: ann@example.com
Subject: an answer
Message-ID: <{first["message"]["message_id"]}>

Hello.
--b--
""".encode()


# Customers: scripts/test/PostMaster/CustomerID.t


@pytest.mark.parametrize(
    ("setting", "headers", "number"),
    [
        ("yes", (), "ann@customer.example"),
        ("no", (), None),
        ("no", ("CustomerNo: C-1",), "C-1"),
        ("no", ("CustomerUser: ann",), None),
    ],
)
def test_unknown_customers_have_their_address_as_number_by_the_setting(
    desk: Desk, setting: str, headers: tuple[str, ...], number: str | None
) -> None:
    desk.ok("setting", "set", "PostMaster::NewTicket::AutoAssignCustomerIDForUnknownCustomers", setting)
    result = take(desk, *headers, sender="ann@customer.example")
    assert result["attributes"]["customer_id"] == number
    assert result["attributes"]["customer_user"] == (
        "ann" if "CustomerUser: ann" in headers else "ann@customer.example"
    )


# The same message again: the check MessageID of Znuny


def test_a_message_that_came_before_follows_up_its_ticket_by_the_setting(desk: Desk) -> None:
    sent = mail("to support")
    first = desk.ok("read", "--json", input=sent).json
    again = [sent.replace(b"Hello.", words) for words in (b"To sales.", b"To the hotline.")]
    assert desk.ok("read", "--json", input=again[0]).json["outcome"] == "new"
    desk.ok("setting", "set", "DuplicateMessages", "follow-up")
    result = desk.ok("read", "--json", input=again[1]).json
    assert (result["outcome"], result["ticket"]) == ("follow-up", first["ticket"])
    assert result["reason"] == "follow-up-same-message"
    assert desk.ok("read", "--json", input=mail("another one")).json["outcome"] == "new"
