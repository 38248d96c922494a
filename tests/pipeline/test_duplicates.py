"""The same message through two accounts or addresses: the setting DuplicateMessages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Desk, mail


def copies(
    *changes: tuple[str, str], way: str = "Delivered-To: info@desk.example", body: str = "Hello."
) -> list[bytes]:
    """A message, and the same one as it came another way; ``changes`` replace something in the second."""
    first = mail("twice", body=body)
    second = f"{way}\r\n".encode() + first
    for old, new in changes:
        assert old.encode() in second
        second = second.replace(old.encode(), new.encode())
    return [first, second]


def take(desk: Desk, raw: bytes) -> Any:
    """Take a message."""
    return desk.ok("read", "--json", input=raw).json


def test_copies_are_tickets_that_are_linked_with_each_other(desk: Desk) -> None:
    first, second = (take(desk, raw) for raw in copies())
    assert (first["outcome"], second["outcome"]) == ("new", "new")
    assert second["attributes"]["same_message"] == [first["ticket"]]
    numbers = [first["ticket"], second["ticket"]]
    for own, other in (numbers, numbers[::-1]):
        shown = desk.ok("ticket", "show", own, "--json").json
        assert (shown["same_message"], shown["follows"], shown["followed_by"]) == ([other], [], [])


def test_a_link_to_a_copy_makes_no_ticket_for_follow_ups(desk: Desk) -> None:
    desk.ok("queue", "set", "Raw", "--follow-up", "new-ticket")
    first, second = (take(desk, raw) for raw in copies())
    desk.ok("ticket", "set", first["ticket"], "--state", "closed successful")
    answer = mail(f"[Ticket#{first['ticket']}]")
    assert take(desk, answer)["ticket"] not in (first["ticket"], second["ticket"])


def test_a_copy_is_only_noted_where_the_setting_says_so(desk: Desk) -> None:
    desk.ok("setting", "set", "DuplicateMessages", "one-ticket")
    first, second = (take(desk, raw) for raw in copies())
    assert (second["outcome"], second["reason"], second["ticket"]) == ("ignored", "same-message", first["ticket"])
    assert second["queue"] == "Raw"
    assert len(desk.ok("ticket", "show", first["ticket"], "--json").json["articles"]) == 1
    rows = desk.ok("mail", "find", "--ticket", first["ticket"], "--json").json_lines
    assert [(row["outcome"], row["reason"]) for row in rows] == [
        ("ignored", "same-message"),
        ("new", "dispatched-to-default"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        ("Hello.", "Hello, and more."),
        ("Subject: twice", "Subject: again"),
        ("ada@example.net>\r\nTo", "eve@example.net>\r\nTo"),
        ("09:12:00", "09:13:00"),
    ],
)
def test_another_message_with_the_same_id_is_never_left_out(desk: Desk, change: tuple[str, str]) -> None:
    desk.ok("setting", "set", "DuplicateMessages", "one-ticket")
    first, second = (take(desk, raw) for raw in copies(change))
    assert (second["outcome"], second["attributes"]["same_message"]) == ("new", [first["ticket"]])


def test_a_message_without_id_is_never_taken_for_a_copy(desk: Desk) -> None:
    desk.ok("setting", "set", "DuplicateMessages", "one-ticket")
    raws = [f"{way}: x@y\r\nFrom: a@b.example\r\n\r\nHello".encode() for way in ("Delivered-To", "X-Original-To")]
    assert [take(desk, raw)["outcome"] for raw in raws] == ["new", "new"]


def test_copies_in_one_batch_are_told_as_well(desk: Desk, tmp_path: Any) -> None:
    desk.ok("setting", "set", "DuplicateMessages", "one-ticket")
    names = []
    for number, raw in enumerate(copies()):
        names.append(tmp_path / f"{number}.eml")
        names[-1].write_bytes(raw)
    rows = desk.ok("read", "--json-lines", *names).json_lines
    assert [row["outcome"] for row in rows] == ["new", "ignored"]
