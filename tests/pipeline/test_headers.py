"""The X-OTRS headers: header by header, made from the table of the code (docs/glossary.md#x-otrs-headers)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from postmaster.pipeline.x_otrs_headers import HEADERS, Header
from tests.support import Desk, mail
from tests.turns import in_turns

LISTS = {
    "Ticket::Types": "Unclassified; Incident",
    "Ticket::Services": "Mail; Web",
    "Ticket::SLAs": "Gold=31; Silver=32",
    "Ticket::Owners": "bob=7; eve=9",
    "Ticket::Responsibles": "dan; joe",
    "Ticket::DynamicFields": "Room; TicketFreeKey1; TicketFreeText1; TicketFreeTime1",
    "Article::DynamicFields": "ArticleFreeKey1; ArticleFreeText1",
}

# A value that is empty, because nothing was captured under that name.
NOTHING = r"[** \nothing **]"

# Of each header: a valid value, an invalid one, and what a ticket or an article then says under that name.
CASES: dict[str, tuple[str, str, str, Any]] = {
    "QueueID": ("4", "99", "queue", "Misc"),
    "Queue": ("misc", "Nowhere", "queue", "Misc"),
    "StateID": ("6", "99", "state", "pending reminder"),
    "State": ("PENDING REMINDER", "happy", "state", "pending reminder"),
    "State-PendingTime": ("2031-05-06 07:08:09", "tomorrow", "pending_time", "2031-05-06T07:08:09+00:00"),
    "PriorityID": ("5", "0", "priority", "5 very high"),
    "Priority": ("5 very high", "5", "priority", "5 very high"),
    "TypeID": ("2", "x", "type", "Incident"),
    "Type": ("Incident", "Accident", "type", "Incident"),
    "ServiceID": ("2", "3", "service", "Web"),
    "Service": ("Web", "Fax", "service", "Web"),
    "SLAID": ("31", "1", "sla", "Gold"),
    "SLA": ("gold", "Bronze", "sla", "Gold"),
    "Lock": ("lock", "locked", "lock", "lock"),
    "Owner": ("eve", "mallory", "owner", "eve"),
    "OwnerID": ("7", "1", "owner", "bob"),
    "Responsible": ("joe", "bob", "responsible", "joe"),
    "ResponsibleID": ("2", "two", "responsible", "joe"),
    "CustomerNo": ("C-4711", "", "customer_id", "C-4711"),
    "CustomerUser": ("lovelace", "", "customer_user", "lovelace"),
    "Title": ("Another title", " ", "title", "Another title"),
    "SenderType": ("system", "robot", "sender_type", "system"),
    "IsVisibleForCustomer": ("0", "no", "visible", False),
    "DynamicField-NAME": ("4.12", "", "dynamic_fields", {"Room": "4.12"}),
    "TicketKeyN": ("Floor", "", "dynamic_fields", {"TicketFreeKey1": "Floor"}),
    "TicketValueN": ("4", "", "dynamic_fields", {"TicketFreeText1": "4"}),
    "TicketTimeN": ("2031-05-06 07:08:09", "tomorrow", "dynamic_fields", {"TicketFreeTime1": "2031-05-06 07:08:09"}),
    "ArticleKeyN": ("Tone", "", "article_fields", {"ArticleFreeKey1": "Tone"}),
    "ArticleValueN": ("0", "", "article_fields", {"ArticleFreeText1": "0"}),
    "Ignore": ("true", "perhaps", "outcome", "ignored"),
    "Loop": ("yes", "perhaps", "loop", True),
    "State-Keep": ("yes", "perhaps", "state", "closed successful"),
}


@pytest.fixture(scope="module")
def desk(shared_desk: Desk) -> Desk:
    """An app whose lists have something to choose from."""
    for name, value in LISTS.items():
        shared_desk.ok("setting", "set", name, value)
    return shared_desk


def test_each_header_of_the_table_is_tried() -> None:
    assert list(CASES) == [header.name for header in HEADERS]


def _messages(header: Header, by: str, valid: bool) -> list[bool]:
    """Whether it is tried in a follow-up. In bin/test, what a message says is when what a filter sets is not.

    No filter sets what is no header.
    """
    choices = [followup for followup in (False, True) if header.names(followup=followup) or by != "filter"]
    if by == "filter":
        choices.reverse()
    return in_turns(choices, f"{header.name} {valid}") if choices else []


# Each header, who sets it, whether for a follow-up, whether its value is valid.
TABLE = [
    pytest.param(header, by, followup, valid, id=f"{header.name}-{by}-{followup and 'followup'}-{valid and 'valid'}")
    for header, by, valid in product(HEADERS, ("trusted", "untrusted", "filter"), (True, False))
    for followup in _messages(header, by, valid)
]


@pytest.mark.parametrize(("header", "by", "followup", "valid"), TABLE)
def test_a_header_counts_if_it_is_valid_and_a_filter_sets_it_or_the_account_is_trusted(
    desk: Desk, header: Header, by: str, followup: bool, valid: bool
) -> None:
    good, bad, field, expected = CASES[header.name]
    without = _take(desk, header, None, followup=followup, by=by)
    result = _take(desk, header, good if valid else bad, followup=followup, by=by)
    heard = by != "untrusted" and (header.on_new or followup)  # only follow-ups keep a state
    assert _said(result, field) == (expected if heard and valid else _said(without, field))
    noted = [line for line in result["trace"] if line.get("header", "").lower().endswith(_named(header).lower())]
    assert bool(noted) == (heard and not valid)
    assert all(("the filter “F”" if by == "filter" else "the message") in line["text"] for line in noted)


def _take(desk: Desk, header: Header, value: str | None, *, followup: bool, by: str) -> Any:
    """Take a message with the header, or a reply with its FollowUp variant to a ticket that is closed."""
    prefix = "X-OTRS-FollowUp-" if followup else "X-OTRS-"
    controls = {f"{prefix}{_named(header)}": value} if value is not None else {}
    if header.attribute == "pending_time":
        controls[f"{prefix}State"] = "pending auto close+"
    headers = [f"{name}: {text}" for name, text in controls.items()]
    desk.run("filter", "delete", "F", "--yes")
    if by == "filter":
        _filter(desk, controls)
        headers = []
    if followup:
        first = desk.ok("read", "--json", "--trusted", input=mail("first", headers=[_CLOSED])).json
        headers.append(f"In-Reply-To: <{first['message']['message_id']}>")
    sent = mail(f"case {header.name}", headers=headers)
    return desk.ok("read", "--json", *(["--trusted"] if by == "trusted" else []), input=sent).json


def _named(header: Header) -> str:
    return f"{header.stem}{'room' if header.name.endswith('NAME') else '1'}" if header.fields else header.name


def _filter(desk: Desk, controls: dict[str, str]) -> None:
    """Set them by a filter; what nothing captured is empty."""
    sets = [word for name, value in controls.items() for word in ("--set", f"{name}={value.strip() or NOTHING}")]
    desk.ok("filter", "add", "--name", "F", "--match", "Subject=^case", *sets)


_CLOSED = "X-OTRS-State: closed successful"


def _said(result: Any, field: str) -> Any:
    said = result if field in result else result["attributes"]
    if field == "title" and said["title"].startswith(("case ", "first")):
        return "the usual title"
    return said.get(field)


def test_the_ticket_shows_what_the_headers_said(desk: Desk) -> None:
    named = {name: case for name, case in CASES.items() if name not in ("Ignore", "State-Keep")}
    headers = [f"X-OTRS-{_named(header)}: {named[header.name][0]}" for header in HEADERS if header.name in named]
    number = desk.ok("read", "--json", "--trusted", input=mail("all of them", headers=headers)).json["ticket"]
    ticket = desk.ok("ticket", "show", number, "--json").json
    [article] = ticket["articles"]
    wanted: dict[str, Any] = {}
    for name, (_, _, field, value) in named.items():
        if name not in ("OwnerID", "ResponsibleID"):  # Owner and Responsible come before their IDs
            wanted[field] = {**wanted.get(field, {}), **value} if isinstance(value, dict) else value
    assert {field: ({**ticket, **article})[field] for field in wanted} == wanted


def test_a_pending_time_without_a_pending_state_is_left_out_with_a_note(desk: Desk) -> None:
    sent = mail("later", headers=["X-OTRS-State: open", "X-OTRS-State-PendingTime: +1d"])
    result = desk.ok("read", "--json", "--trusted", input=sent).json
    assert result["attributes"]["pending_time"] is None
    assert "“open” is not a pending state" in result["trace"][-1]["text"]


def test_the_trace_says_that_the_headers_of_an_untrusted_message_do_not_count(desk: Desk) -> None:
    sent = mail("x", headers=["X-OTRS-Queue: Misc", "x-otrs-Title: y", "X-OTRS-Nothing: z"])
    result = desk.ok("read", "--json", input=sent).json
    sentence = "account is not trusted: X-OTRS-Queue, x-otrs-Title, X-OTRS-Nothing."
    assert (result["queue"], sentence in result["trace"][0]["text"]) == ("Raw", True)


def test_an_unknown_dynamic_field_is_left_out_with_a_note(desk: Desk) -> None:
    result = desk.ok("read", "--json", "--trusted", input=mail("x", headers=["X-OTRS-DynamicField-Floor: 4"])).json
    assert result["attributes"]["dynamic_fields"] == {}
    assert "X-OTRS-DynamicField-Floor" in result["trace"][-1]["text"]


def test_of_a_header_that_comes_twice_the_first_counts(desk: Desk) -> None:
    sent = mail("x", headers=["X-OTRS-Queue: Misc", "x-otrs-queue: Junk"])
    assert desk.ok("read", "--json", "--trusted", input=sent).json["queue"] == "Misc"


def test_ignored_mail_has_a_row_in_the_ledger_and_no_ticket(desk: Desk) -> None:
    result = desk.ok("read", "--json", "--trusted", input=mail("drop me", headers=["X-OTRS-Ignore: yes"])).json
    assert (result["outcome"], result["reason"], result["ticket"]) == ("ignored", "ignored", None)
    [row] = desk.ok("mail", "find", "--subject", "drop me", "--json").json_lines
    assert (row["outcome"], row["ticket"]) == ("ignored", None)
