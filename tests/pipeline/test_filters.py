"""Postmaster filters at work (docs/glossary.md#postmaster-filters): conditions, captures, order, time limits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.message import Address
from postmaster.pipeline.filters.matching import FILTER_SECONDS, MESSAGE_SECONDS
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail

SENDER = "Ada Lovelace <ada@example.net>"

ATTACHED = """From: ada@example.net
Subject: with a file
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b

Please look at the invoice.
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename=a.pdf

x
--b--
"""


RECEIVED = mail(
    "trace",
    headers=["Received: one", "Received: two", "Received: three", "Resent-To: a@x.example", "Resent-To: b@x.example"],
)


def add(desk: Desk, name: str, *conditions: str, sets: str = "X-OTRS-Queue=Junk", **options: str) -> None:
    """Add a filter; a condition that begins with ! is negated."""
    words = [word for condition in conditions for word in _condition(condition)]
    more = [word for option, value in options.items() for word in (f"--{option}", value)]
    desk.ok("filter", "add", "--name", name, *words, "--set", sets, *more)


def _condition(text: str) -> tuple[str, str]:
    return ("--not-match", text[1:]) if text.startswith("!") else ("--match", text)


def queue_of(desk: Desk, raw: bytes | str, *options: str) -> Any:
    """The queue that the message would get."""
    return desk.ok("read", "--dry-run", "--json", *options, input=raw).json["queue"]


@pytest.mark.parametrize(
    ("conditions", "raw", "matches"),
    [
        (["Subject=INVOICE"], mail("Your invoice"), True),
        (["Subject=^invoice"], mail("Your invoice"), False),
        (["Subject=invoice", "From=example\\.net"], mail("Your invoice"), True),
        (["Subject=invoice", "From=example\\.org"], mail("Your invoice"), False),
        (["!Subject=invoice"], mail("Your order"), True),
        (["!Subject=invoice"], mail("Your invoice"), False),
        (["Subject=your", "!Subject=invoice"], mail("Your order"), True),
        (["X-Spam=.*"], mail("no such header"), True),
        (["X-Spam=^$"], mail("no such header"), True),
        (["X-Spam=."], mail("no such header"), False),
        (["!X-Spam=yes"], mail("no such header"), True),
        (["!X-Spam=^$"], mail("no such header"), False),
        (["!Cc=EMAILADDRESS:c@example.org"], mail("no such header"), True),
        (["Cc=EMAILADDRESS:.*"], mail("no such header"), True),
        (["X-OTOBO-AttachmentCount=^1$"], ATTACHED, True),
        (["Received=two"], RECEIVED, True),
        (["Received[1]=one"], RECEIVED, True),
        (["received[1]=one"], RECEIVED, True),
        (["Received[1]=two"], RECEIVED, False),
        (["Received[FIRST]=one"], RECEIVED, True),
        (["Received[last]=three"], RECEIVED, True),
        (["Received[last]=one|two"], RECEIVED, False),
        (["Received[2]=two", "!Received[3]=two"], RECEIVED, True),
        (["Received[4]=."], RECEIVED, False),
        (["Subject[last]=trace"], RECEIVED, True),
        (["Resent-To[2]=EMAILADDRESS:b@x.example"], RECEIVED, True),
        (["Resent-To[1]=EMAILADDRESS:b@x.example"], RECEIVED, False),
        (["From=EMAILADDRESS:eva@küche.example"], mail("x", sender="Eva <EVA@xn--kche-0ra.example>"), True),
        (["From=EMAILADDRESS:eva@xn--kche-0ra.example"], mail("x", sender="'eva@Küche.example.'"), True),
        (["From=EMAILADDRESS:.*@xn--kche-0ra\\.example"], mail("x", sender="eva@xn--kche-0ra.example"), True),
        (["!X-Spam=yes"], mail("such a header", headers=["X-Spam: no"]), True),
        (["x-spam=^second$"], mail("twice", headers=["X-Spam: first", "X-Spam: second"]), True),
        (["!X-Spam=second"], mail("twice", headers=["X-Spam: first", "X-Spam: second"]), False),
        (["Subject=grüße"], mail("=?utf-8?q?Gr=C3=BC=C3=9Fe?="), True),
        (["From=EMAILADDRESS:ada@example.net"], mail("x", sender=SENDER), True),
        (["From=EMAILADDRESS:ADA@Example.net"], mail("x", sender=SENDER), True),
        (["From=EMAILADDRESS:da@example.net"], mail("x", sender=SENDER), False),
        (["From=EMAILADDRESS:ada@exampleXnet"], mail("x", sender=SENDER), False),
        (["From=EMAILADDRESS:a.a@example.net"], mail("x", sender=SENDER), False),
        (["From=EMAILADDRESS:.*@example\\.net"], mail("x", sender=SENDER), True),
        (["!From=EMAILADDRESS:ada@example.net"], mail("x", sender=SENDER), False),
        (["To=EMAILADDRESS:c@example.org"], mail("x", to="B <b@example.org>, C <c@example.org>"), True),
        (["Cc=EMAILADDRESS:c@example.org"], mail("x", headers=["Cc: c@example.org"]), True),
        (["Body=the invoice"], ATTACHED, True),
        (["X-OTRS-AttachmentExists=^yes$"], ATTACHED, True),
        (["X-OTRS-AttachmentExists=^no$"], mail("x"), True),
        (["X-OTRS-AttachmentCount=^1$"], ATTACHED, True),
        (["X-OTRS-BodyDecrypted=."], ATTACHED, False),
        (["X-OTRS-BodyDecrypted=^$"], ATTACHED, True),
        (["X-OTRS-Title=x"], mail("untrusted", headers=["X-OTRS-Title: x"]), False),
    ],
)
def test_conditions(shared_desk: Desk, conditions: list[str], raw: bytes | str, matches: bool) -> None:
    shared_desk.run("filter", "delete", "F", "--yes")
    add(shared_desk, "F", *conditions)
    assert queue_of(shared_desk, raw) == ("Junk" if matches else "Raw")


def test_a_trusted_message_shows_conditions_its_own_headers(desk: Desk) -> None:
    add(desk, "F", "X-OTRS-Title=secret")
    assert queue_of(desk, mail("x", headers=["X-OTRS-Title: a secret"]), "--trusted") == "Junk"


@pytest.mark.parametrize("asked", ["X-OTRS", "x-otobo"])
@pytest.mark.parametrize("written", ["X-OTRS", "X-OTOBO", "x-Otobo"])
def test_headers_of_otobo_are_those_of_otrs(desk: Desk, written: str, asked: str) -> None:
    add(desk, "F", f"{asked}-Title=secret", sets="X-OTOBO-Queue=Junk")
    message = mail("x", headers=[f"{written}-Title: a secret", f"{written}-Priority: 5 very high"])
    told = desk.ok("read", "--dry-run", "--json", "--trusted", input=message).json
    assert (told["queue"], told["attributes"]["priority"], told["title"]) == ("Junk", "5 very high", "a secret")


def test_filters_set_headers_over_those_of_the_message_and_whether_or_not_it_is_trusted(desk: Desk) -> None:
    add(desk, "F", "Subject=.")
    raw = mail("x", headers=["X-OTRS-Queue: Misc"])
    assert (queue_of(desk, raw), queue_of(desk, raw, "--trusted")) == ("Junk", "Junk")


def test_captures_are_put_into_what_is_set(desk: Desk) -> None:
    sets = "X-OTRS-Title=[***] / [** \\year **]-[**\\month**] / [** \\nothing **]"
    add(desk, "F", "Subject=order (\\d+)", r"Body=(?<year>\d{4})-(?P<month>\d\d)", "!Body=(never)", sets=sets)
    raw = mail("Order 4711", body="Sent on 2026-11-25.")
    assert desk.ok("read", "--json", input=raw).json["title"] == "2026 / 2026-11 /"
    assert desk.ok("read", "--json", input=mail("Order 1", body="no date")).json["title"] == "Order 1"


def test_an_address_that_matched_is_captured_whole(desk: Desk) -> None:
    add(desk, "F", "From=EMAILADDRESS:.*@example\\.net", sets="X-OTRS-CustomerNo=[***]")
    result = desk.ok("read", "--json", input=mail("x", sender=SENDER)).json
    assert result["attributes"]["customer_id"] == "ada@example.net"
    desk.ok("filter", "set", "F", "--set", "X-OTRS-CustomerNo=by [** \\email **]")
    result = desk.ok("read", "--json", input=mail("y", sender=SENDER)).json
    assert result["attributes"]["customer_id"] == "by ada@example.net"


def test_filters_are_tried_in_ascii_order_and_the_last_one_wins(desk: Desk) -> None:
    for name, queue in (("b", "Junk"), ("9", "Misc"), ("A", "Misc"), ("10", "Raw"), ("Z", "Raw")):
        add(desk, name, "Subject=.", sets=f"X-OTRS-Queue={queue}")
    result = desk.ok("read", "--json", input=mail("x")).json
    assert [line["filter"] for line in result["trace"] if line["stage"] == "filters"] == ["10", "9", "A", "Z", "b"]
    assert result["queue"] == "Junk"


def test_after_one_that_stops_no_other_is_tried(desk: Desk) -> None:
    add(desk, "first", "Subject=stop", sets="X-OTRS-Queue=Misc", stop="yes")
    add(desk, "second", "Subject=.")
    assert queue_of(desk, mail("please stop")) == "Misc"
    assert queue_of(desk, mail("go on")) == "Junk"


def test_a_later_filter_sees_what_an_earlier_one_set(desk: Desk) -> None:
    add(desk, "1", "Subject=vip", sets="X-OTRS-Priority=5 very high")
    add(desk, "2", "X-OTRS-Priority=^5", sets="X-OTRS-Queue=Misc")
    assert queue_of(desk, mail("a VIP")) == "Misc"


def test_only_valid_filters_count_and_a_change_counts_at_once(desk: Desk) -> None:
    add(desk, "F", "Subject=.")
    assert queue_of(desk, mail("x")) == "Junk"
    for option, value, queue in (
        ("--validity", "invalid", "Raw"),
        ("--validity", "valid", "Junk"),
        ("--match", "Subject=never", "Raw"),
    ):
        desk.ok("filter", "set", "F", option, value)
        assert queue_of(desk, mail("x")) == queue


def test_a_filter_for_chosen_accounts_leaves_other_mail_alone(
    desk: Desk, mailbox: TestMailbox, other_mailbox: TestMailbox
) -> None:
    chosen, other = desk.account(mailbox), desk.account(other_mailbox)
    add(desk, "F", "Subject=.", account=chosen)
    mailbox.deliver(mail("chosen"))
    other_mailbox.deliver(mail("other"))
    desk.fetch()
    desk.ok("read", input=mail("piped"))
    assert {ticket["title"]: ticket["queue"] for ticket in desk.tickets()} == {
        "chosen": "Junk",
        "other": "Raw",
        "piped": "Raw",
    }
    desk.ok("account", "delete", chosen, "--yes")
    other_mailbox.deliver(mail("after"))
    desk.fetch("--account", other)
    assert desk.ok("filter", "show", "F", "--json").json["account"] == ["none"]
    assert [ticket["queue"] for ticket in desk.tickets() if ticket["title"] == "after"] == ["Raw"]


def test_a_pattern_that_explodes_costs_its_time_limit_and_the_mail_arrives(desk: Desk) -> None:
    add(desk, "1 bomb", "Body=(a+)+$")
    add(desk, "2 fine", "Subject=large", sets="X-OTRS-Queue=Misc")
    raw = mail("large line", body="a" * 1_000_000 + "!")
    began = time.process_time()
    result = desk.ok("read", "--json", input=raw).json
    assert time.process_time() - began < FILTER_SECONDS + MESSAGE_SECONDS
    assert (result["outcome"], result["queue"]) == ("new", "Misc")
    [skipped] = [line for line in result["trace"] if line.get("slow")]
    assert skipped["filter"] == "1 bomb"
    shown = desk.ok("filter", "show", "1 bomb", "--json").json
    assert (shown["health"], shown["slow_count"]) == ("slow", 1)
    assert shown["last_slow"] is not None
    # What it means to change a filter is not changed by its having been slow.
    assert desk.ok("filter", "show", "2 fine", "--json").json["health"] == "healthy"


def test_a_slow_filter_that_is_corrected_is_healthy_again(desk: Desk) -> None:
    add(desk, "F", "Body=(a+)+$")
    desk.ok("read", input=mail("large line", body="a" * 1_000_000 + "!"))
    desk.ok("filter", "set", "F", "--match", "Body=a$")
    assert desk.ok("filter", "show", "F", "--json").json["health"] == "healthy"


def test_all_filters_together_have_a_limit_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postmaster.pipeline.filters.matching.MESSAGE_SECONDS", 0.0)
    add(desk, "F", "Subject=.")
    result = desk.ok("read", "--json", input=mail("x")).json
    assert (result["queue"], result["trace"][0]["slow"]) == ("Raw", True)


def test_a_header_without_end_is_read_once_and_makes_no_filter_slow(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in range(30):
        add(desk, str(name), "To=EMAILADDRESS:nobody@example.net")
    read: list[int] = []

    def take_long(value: str) -> tuple[Address, ...]:
        read.append(len(value))
        until = time.thread_time() + FILTER_SECONDS
        while time.thread_time() < until:
            pass
        return parse_addresses(value)

    monkeypatch.setattr("postmaster.pipeline.filters.matching.parse_addresses", take_long)
    result = desk.ok("read", "--json", input=mail("x", to='"' * 1_000_000)).json
    assert (result["outcome"], result["trace"][0]["stage"]) == ("new", "dispatch")
    assert len([length for length in read if length > 1000]) == 1


def test_filters_are_compiled_once_and_not_for_each_message(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    add(desk, "F", "Subject=.")
    assert queue_of(desk, mail("x")) == "Junk"
    monkeypatch.setattr("postmaster.pipeline.filters.loading.compiled", None)
    assert queue_of(desk, mail("x")) == "Junk"


@pytest.mark.parametrize("place", ["0", "-1", "x", "", "50001", "1.5"])
def test_an_occurrence_that_cannot_be_is_refused(desk: Desk, place: str) -> None:
    for header in (f"Received[{place}]", f"Received[{place}"):
        refused = desk.run("filter", "add", "--name", "F", "--match", f"{header}=x", "--set", "X-OTRS-Queue=Junk")
        assert (refused.exit_code, "names no occurrence of a header" in refused.stderr) == (2, True)
