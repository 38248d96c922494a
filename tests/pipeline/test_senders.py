"""Who wrote a message, whatever stands in From (docs/glossary.md#real-mail: 17 and 20)."""

from __future__ import annotations

import base64
import itertools
import time
from typing import Any

import pytest

from postmaster.parsing.parser import parse_message
from postmaster.pipeline.sender import possible_writers
from tests.support import Desk, mail

NUMBERS = itertools.count(1)

DESK, ORDERS = "help@desk.example", "bestellung@küche.example"


@pytest.fixture(scope="module")
def desk(shared_desk: Desk) -> Desk:
    """A desk with two addresses of its own, one of them not valid any more."""
    shared_desk.ok("address", "add", "--address", DESK, "--name", "Help", "--queue", "Misc")
    shared_desk.ok("address", "add", "--address", ORDERS, "--name", "Orders", "--queue", "Junk")
    old = ("--address", "old@desk.example", "--name", "Old", "--queue", "Misc", "--validity", "invalid")
    shared_desk.ok("address", "add", *old)
    return shared_desk


def take(desk: Desk, *headers: str, options: tuple[str, ...] = ()) -> Any:
    """Take a message that has these headers and no From of its own."""
    fields = [f"Subject: message {next(NUMBERS)}", f"Message-ID: <{next(NUMBERS)}@sender.example>", *headers]
    return desk.ok("read", "--json", *options, input="\r\n".join([*fields, "", "Hello", ""]).encode()).json


LIST = ("List-Id: Help <help.desk.example>", "Precedence: list")


@pytest.mark.parametrize(
    ("headers", "customer"),
    [
        (["From: Eve <eve@b.example>", "Reply-To: x@b.example"], "eve@b.example"),
        (["From: Eve", "Reply-To: eve@b.example"], "eve@b.example"),
        (["From: <>", "Sender: eve@b.example"], "eve@b.example"),
        (["From: undisclosed-recipients:;", "Return-Path: <eve@b.example>"], "eve@b.example"),
        (["Reply-To: <>", "Sender: eve@b.example", "Return-Path: <bounce@b.example>"], "eve@b.example"),
        (["From: root (Cron)", "Reply-To: eve@b.example"], "eve@b.example"),
        (["From: root (Cron)"], "root"),
        (["Return-Path: <>"], None),
        ([], None),
        # A form or a group that writes as the desk itself.
        ([f"From: {DESK}", "Reply-To: Eve <eve@b.example>"], "eve@b.example"),
        (["From: OLD@desk.example.", "Reply-To: eve@b.example"], "eve@b.example"),
        (["From: bestellung@xn--kche-0ra.example", "Reply-To: eve@b.example"], "eve@b.example"),
        ([f"From: Eve via Help <{DESK}>", "X-Original-From: eve@b.example", f"Reply-To: {DESK}"], "eve@b.example"),
        ([f"From: {DESK}", f"Sender: {DESK}", "X-Original-Sender: eve@b.example"], "eve@b.example"),
        ([f"From: {DESK}", "Return-Path: <help+bncBAABBXX@desk.example>"], None),
        ([f"From: {DESK}"], None),
        # Lists that put themselves into From.
        (["From: Eve via Talk <talk@lists.example>", "Reply-To: Eve <eve@b.example>",
          "List-Id: <talk.lists.example>"], "eve@b.example"),
        (["From: Eve über Talk <talk@lists.example>", "Reply-To: talk@lists.example, eve@b.example",
          "List-Post: <mailto:talk@lists.example>"], "eve@b.example"),
        (["From: \"Eve\" <talk@lists.example>", "X-Original-From: eve@b.example",
          "Mailing-List: list talk@lists.example; contact talk+owner@lists.example"], "eve@b.example"),
        (["From: Eve via Talk <eve=b.example@lists.example>", "Reply-To: talk@lists.example",
          "List-Id: <talk.lists.example>"], "eve@b.example"),
        (["From: Talk <talk@lists.example>", "List-Id: <talk.lists.example>", "Reply-To: talk@lists.example"],
         "talk@lists.example"),
        (["From: Eve <eve=b.example@forward.example>", "Reply-To: Eve <eve@b.example>"], "eve@b.example"),
        # getpatchwork/patchwork#64, PostHog/posthog#57461, fiedl/wingolfsplattform#135: what is left of the writer
        (["From: Eve via Talk <talk@lists.example>", "X-Original-Sender: eve@b.example",
          "Reply-To: talk@lists.example", "List-Post: <mailto:talk@lists.example>"], "eve@b.example"),
        (["From: \"'Eve' via Help\" <help@desk.example>", "X-Original-From: Eve <eve@b.example>",
          "Mailing-list: list help@desk.example; contact help+owners@desk.example"], "eve@b.example"),
        (["From: \"Eve via Group\" <g@lists.example>", "Reply-To: eve@b.example",
          "X-Original-From: Eve <eve@b.example>", "List-Id: <g.lists.example>", "Precedence: list"], "eve@b.example"),
        # Lists that leave From alone.
        (["From: eve@b.example", "Reply-To: talk@lists.example", *LIST], "eve@b.example"),
        (["From: eve@b.example", "X-Original-From: x@b.example"], "eve@b.example"),
    ],
)  # fmt: skip
def test_the_customer_is_who_wrote_it_and_never_the_desk(desk: Desk, headers: list[str], customer: str | None) -> None:
    result = take(desk, *headers)
    assert (result["outcome"], result["attributes"]["customer_user"]) == ("new", customer)


@pytest.mark.parametrize("field", ["List-Post", "Mailing-List", "X-Mailing-List", "X-BeenThere"])
@pytest.mark.parametrize("word", ["x", "x@"])
def test_the_address_of_a_list_is_found_in_linear_time_behind_a_long_word(field: str, word: str) -> None:
    filling = word * (250_000 // len(word))
    raw = f"From: talk@lists.example\nReply-To: eve@b.example\n{field}: talk@lists.example {filling}\n\nHello"
    message = parse_message(raw.encode())
    started = time.process_time()
    writers = possible_writers(message)
    assert time.process_time() - started < 1.0
    assert [writer.key for writer in writers] == ["eve@b.example", "talk@lists.example"]


def test_the_trace_says_why_the_customer_is_not_in_from(desk: Desk) -> None:
    result = take(desk, f"From: {DESK}", "Reply-To: eve@b.example")
    [line] = [line["text"] for line in result["trace"] if line["stage"] == "customer"]
    assert (
        line == f"eve@b.example is the customer, by Reply-To: {DESK} in From stands for a list or for the desk itself."
    )


def test_mail_is_found_by_who_wrote_it(desk: Desk) -> None:
    number = take(desk, f"From: {DESK}", "Reply-To: Eve <found@b.example>")["ticket"]
    [row] = desk.ok("mail", "find", "--sender", "FOUND@b.example", "--json").json_lines
    assert (row["ticket"], row["sender_name"]) == (number, "Eve")


@pytest.mark.parametrize(
    "asked",
    [
        ("--recipient", "BESTELLUNG@xn--kche-0ra.example"),
        ("--recipient", "bestellung@küche.example"),
        ("--recipient", "XN--kche-0ra.example"),
        ("--sender", "'eva@xn--kche-0ra.example'."),
        ("eva@küche.example",),
        ("--message-id", "<odd.(1)'id'@xn--kche-0ra.example>"),
        ("odd.(1)'id'@xn--kche-0ra.example",),
    ],
)
def test_mail_is_found_by_any_spelling_of_an_address_and_by_its_id_as_it_is(desk: Desk, asked: tuple[str, ...]) -> None:
    raw = (
        "From: Eva <eva@küche.example>\r\nTo: bestellung@xn--kche-0ra.example\r\nSubject: findable\r\n"
        "Message-ID: <odd.(1)'id'@xn--kche-0ra.example>\r\n\r\nHello"
    )
    desk.ok("read", input=raw.encode())
    assert "findable" in [row["subject"] for row in desk.ok("mail", "find", *asked, "--json").json_lines]


@pytest.mark.parametrize("sender", ["", f"From: {DESK}\r\n"])
def test_people_behind_the_desk_or_without_address_do_not_read_each_others_tickets(desk: Desk, sender: str) -> None:
    def send(subject: str) -> Any:
        raw = f"{sender}Subject: {subject}\r\n\r\nHello {next(NUMBERS)}"
        return desk.ok("read", "--json", input=raw.encode()).json

    first = send("mine")
    assert send(f"[Ticket#{first['ticket']}]")["outcome"] == "new"


def test_mail_without_any_sender_has_no_limit_in_common(desk: Desk) -> None:
    desk.ok("setting", "set", "TicketsPerSenderHour", "1")
    try:
        assert [take(desk)["outcome"] for _ in range(3)] == ["new"] * 3
        same = [take(desk, "From: storm@b.example")["outcome"], take(desk, "From: 'STORM@b.example'.")["outcome"]]
    finally:
        desk.ok("setting", "set", "TicketsPerSenderHour", "1000000")
    assert same == ["new", "quarantined"]


SPELLINGS = [
    "Help@Desk.Example",
    "'help@desk.example'", "<'help@desk.example'>", "help@desk.example.", "\ufeffhelp@desk.example",
    "help@de\u00adsk.example",
    "“help@desk.example”", '"help"@desk.example', "help@desk。example", "[help@desk.example]",
    "mailto:help@desk.example", "bestellung@xn--kche-0ra.example",
    "BESTELLUNG@KÜCHE.example", "bestellung@ku\u0308che.example",
]  # fmt: skip


@pytest.mark.parametrize("field", ["To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "Resent-To"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_mail_is_dispatched_by_any_spelling_of_the_address(desk: Desk, field: str, spelling: str) -> None:
    result = take(desk, "From: eve@b.example", f"{field}: {spelling}", options=("--dry-run",))
    assert result["queue"] == ("Junk" if "bestellung" in spelling.lower() else "Misc")


@pytest.mark.parametrize(
    "address",
    [
        "справках@b.example",
        "почтах@россия.рф",
        "Ålesund@b.example",
        "à@b.example",
        "先生@b.example",
        "Рита@b.example",
        "х@х.example",
    ],
)
def test_letters_whose_bytes_are_blanks_elsewhere_stay_in_an_address(desk: Desk, address: str) -> None:
    for written in (address, f"Eve <{address}>", f"{address} (Eve)", f"Eve {address}", f"<{address}>, x@b.example"):
        result = take(desk, f"From: {written}", f"To: {written}", options=("--dry-run",))
        assert result["message"]["from"]["address"] == address
        assert result["message"]["to"][0]["address"] == address


def test_a_system_address_is_one_in_both_forms(desk: Desk) -> None:
    taken = desk.run("address", "add", "--address", "bestellung@xn--kche-0ra.example", "--name", "x", "--queue", "Raw")
    assert "is already the name of" in taken.stderr
    assert desk.ok("address", "show", "Bestellung@XN--kche-0ra.example", "--json").json["address"] == ORDERS


def test_a_follow_up_by_number_is_known_by_any_spelling_of_its_sender(desk: Desk) -> None:
    first = take(desk, "From: eva@küche.example")
    for spelling in ("EVA@xn--kche-0ra.example", "'eva@küche.example'", "eva@küche.example."):
        subject = f"[Ticket#{first['ticket']}] {spelling}"
        result = desk.ok("read", "--json", input=mail(subject, sender=f"Eva <{spelling}>")).json
        assert (result["outcome"], result["ticket"]) == ("follow-up", first["ticket"])


def test_mail_of_a_sender_is_erased_by_any_spelling(desk: Desk) -> None:
    number = take(desk, "From: 'gone@xn--kche-0ra.example'")["ticket"]
    desk.ok("erase", "--sender", "Gone@küche.example", "--yes")
    assert desk.run("ticket", "show", number).exit_code == 2


@pytest.mark.parametrize("field", ["In-Reply-To", "References"])
@pytest.mark.parametrize(
    "wrapped",
    ["=?utf-8?Q?=3C{}=3E?=", "<=?utf-8?Q?{}?=>", "=?us-ascii?B?{}?=", "=?utf-8?Q?=3C{}?=\r\n =?utf-8?Q?=3E?="],
)
def test_ids_in_encoded_words_lead_to_their_ticket(desk: Desk, field: str, wrapped: str) -> None:
    first = take(desk, "From: eve@b.example")
    message_id = first["message"]["message_id"]
    if "?B?" in wrapped:
        message_id = base64.b64encode(f"<{message_id}>".encode()).decode()
    result = take(desk, "From: other@b.example", f"{field}: {wrapped.format(message_id)}")
    assert (result["outcome"], result["ticket"]) == ("follow-up", first["ticket"])
