"""Tickets, their articles, sources and attachments, by the API."""

from __future__ import annotations

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from postmaster.api.document import document
from postmaster.ledger.export import FORMATS
from postmaster.outbox import reading
from tests.api.conftest import NewProgram, Program
from tests.api.test_door import problem
from tests.cli.support import audit_log
from tests.cli.test_export import ODD, opened
from tests.servers.ports import wait_until
from tests.support import Desk, mail

FILE = b"\0\1\2\3\xff"


@pytest.fixture
def numbers(desk: Desk) -> list[str]:
    """A ticket with two articles in Misc, of which the first has a file, and one in Raw."""
    odd = opened(desk, ODD, "--queue", "Misc")
    opened(desk, mail(f"Re: [Ticket#{odd}] odd", sender="zoe@example.net"))
    return [odd, opened(desk, mail("plain"))]


@pytest.fixture
def reader(new_program: NewProgram) -> Program:
    """A program that may read everything."""
    return new_program("read")


def everything(program: Program, path: str) -> list[Any]:
    """All items of a list, by its cursors, one a page."""
    items, after = [], ""
    while True:
        found = program.get(f"{path}{'&' if '?' in path else '?'}limit=1{after}")
        items += found["items"]
        if found["next"] is None:
            return items
        after = f"&after={found['next']}"


def files(program: Program, number: str) -> list[Any]:
    """The attachments of a ticket."""
    return [part for article in everything(program, f"/tickets/{number}/articles") for part in article["attachments"]]


def test_tickets_are_listed_by_cursor_the_newest_first(reader: Program, numbers: list[str]) -> None:
    assert [row["number"] for row in everything(reader, "/tickets")] == numbers[::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=odd", [0]),
        ("q=zoe@example.net", [0]),
        ("queue=Misc", [0]),
        ("queue=Nowhere", []),
        ("state=new", [1, 0]),
        ("state=closed", []),
        ("since=2100-01-01", []),
        ("since=2020-01-01T00:00:00%2B00:00", [1, 0]),
        ("until=2020-01-01", []),
        ("until=2100-01-01", [1, 0]),
    ],
)
def test_they_are_filtered_as_on_the_page(reader: Program, numbers: list[str], query: str, found: list[int]) -> None:
    assert [row["number"] for row in everything(reader, f"/tickets?{query}")] == [numbers[place] for place in found]


def test_a_ticket_says_all_that_is_known_of_it(reader: Program, numbers: list[str]) -> None:
    ticket = reader.get(f"/tickets/{numbers[0]}")
    assert ticket.items() >= {"number": numbers[0], "queue": "Misc", "state": "new", "merged_into": []}.items()
    assert ticket["sender_address"] == "zoe@example.net"
    problem(reader("GET", "/tickets/1"), 404, "unknown-ticket")


def test_a_ticket_is_changed_as_on_the_page(admin: Program, reader: Program, numbers: list[str], app: Flask) -> None:
    answer = admin("PATCH", f"/tickets/{numbers[0]}", {"queue": "Junk", "state": "open"})
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert (answer.json["queue"], answer.json["state"]) == ("Junk", "open")
    assert reader.get(f"/tickets/{numbers[0]}")["queue"] == "Junk"
    with app.app_context():
        [event] = [event for event in audit_log() if event.noun == "ticket"]
    assert (event.actor, event.action) == ("API token program 1", "set")


def test_owner_and_priority_are_changed_and_taken_away(admin: Program, desk: Desk, numbers: list[str]) -> None:
    desk.ok("setting", "set", "Ticket::Owners", "ada")
    path = f"/tickets/{numbers[0]}"
    changed = admin("PATCH", path, {"owner": "ada", "priority": "5 very high"}).json
    assert changed is not None
    assert (changed["owner"], changed["priority"]) == ("ada", "5 very high")
    assert admin("PATCH", path, {"state": "open"}).status_code == 200
    assert admin.get(path)["owner"] == "ada"
    for nothing in ("", None):
        assert admin("PATCH", path, {"owner": nothing}).status_code == 200
        assert admin.get(path)["owner"] is None


def test_who_has_not_seen_the_latest_state_changes_nothing(admin: Program, numbers: list[str]) -> None:
    path = f"/tickets/{numbers[0]}"
    seen = admin("GET", path).headers["ETag"]
    changed = admin("PATCH", path, {"state": "open"}, If_Match=seen)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != seen
    problem(admin("PATCH", path, {"state": "new"}, If_Match=seen), 412, "revision-differs")
    problem(admin("PATCH", path, {"state": "new"}, If_Match="x"), 412, "revision-differs")
    assert admin.get(path)["state"] == "open"
    assert admin("PATCH", path, {"state": "new"}, If_Match="*").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"queue": "Nowhere"}, 404, "unknown-queue"),
        ({"state": "dreamt of"}, 422, "invalid-value"),
        ({"owner": "ada"}, 422, "invalid-value"),
        ({"customer_id": "ada"}, 422, "unknown-field"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    admin: Program, numbers: list[str], body: dict[str, str], status: int, code: str
) -> None:
    before = admin.get(f"/tickets/{numbers[0]}")
    problem(admin("PATCH", f"/tickets/{numbers[0]}", {"state": "open"} | body), status, code)
    assert admin.get(f"/tickets/{numbers[0]}") == before


def test_tickets_are_merged(admin: Program, numbers: list[str]) -> None:
    into, ticket = numbers
    answer = admin("POST", f"/tickets/{ticket}/merge", {"into": into})
    assert answer.json is not None
    assert (answer.json["state"], answer.json["merged_into"]) == ("merged", [into])
    assert len(everything(admin, f"/tickets/{into}/articles")) == 3
    problem(admin("POST", f"/tickets/{into}/merge", {"into": into}), 422, "merge-refused")
    problem(admin("POST", f"/tickets/{ticket}/merge", {"into": "1"}), 404, "unknown-ticket")


def test_articles_come_with_or_without_their_text(reader: Program, numbers: list[str]) -> None:
    first, second = everything(reader, f"/tickets/{numbers[0]}/articles")
    assert first["text"].startswith("From here on")
    assert second["in_reply_to"] == []
    [bare, _] = everything(reader, f"/tickets/{numbers[0]}/articles?text=no")
    assert (bare["text"], bare["text_length"]) == (None, len(first["text"]))
    one = reader.get(f"/articles/{first['id']}?html=yes")
    assert (one["ticket"], one["text"], one["html"]) == (numbers[0], first["text"], None)


def test_a_source_comes_byte_for_byte_and_is_noted(reader: Program, numbers: list[str], app: Flask) -> None:
    [first, _] = everything(reader, f"/tickets/{numbers[0]}/articles")
    answer = reader("GET", f"/articles/{first['id']}/source")
    assert answer.data == ODD
    assert answer.content_type == "message/rfc822"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    with app.app_context():
        [event] = [event for event in audit_log() if event.action == "download-source"]
    assert event.label == str(first["id"])


@pytest.mark.parametrize(
    ("asked", "times"),
    [
        ([{"Range": "bytes=1-"}], 1),
        ([{"Range": "bytes=2-1"}], 1),
        ([{"Range": "bytes=00-"}], 1),
        ([{"Range": "bytes=1-", "If_Range": '"other"'}], 1),
        ([{"Range": "bytes=0-0"}, {"Range": "bytes=1-1"}, {"Range": "bytes=2-"}], 1),
        ([{}, {}], 2),
        ([{"If_None_Match": "*"}], 0),
    ],
)
def test_who_takes_a_file_away_is_noted_whatever_part_it_is(
    reader: Program, numbers: list[str], app: Flask, asked: list[dict[str, str]], times: int
) -> None:
    [part] = files(reader, numbers[0])
    reader("HEAD", f"/attachments/{part['id']}")
    for headers in asked:
        assert reader("GET", f"/attachments/{part['id']}", **headers).status_code in (200, 206, 304)
    with app.app_context():
        assert len([event for event in audit_log() if event.action == "download-attachment"]) == times


def test_an_attachment_is_nothing_that_a_browser_opens(reader: Program, numbers: list[str]) -> None:
    [part] = files(reader, numbers[0])
    answer = reader("GET", f"/attachments/{part['id']}")
    assert answer.data == FILE
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"a.bin\"; filename*=UTF-8''a.bin"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=0-1", 206, FILE[:2], "bytes 0-1/5"),
        ("bytes=3-", 206, FILE[3:], "bytes 3-4/5"),
        ("bytes=-2", 206, FILE[-2:], "bytes 3-4/5"),
        ("bytes=-99", 206, FILE, "bytes 0-4/5"),
        ("bytes=2-99", 206, FILE[2:], "bytes 2-4/5"),
        ("Bytes = 0 - 0", 206, FILE[:1], "bytes 0-0/5"),
        ("bytes=5-", 416, None, "bytes */5"),
        ("bytes=-0", 416, None, "bytes */5"),
        (f"bytes={10**18 - 1}-", 416, None, "bytes */5"),
        ("bytes=2-1", 200, FILE, None),
        ("bytes=-", 200, FILE, None),
        ("bytes=0-1,3-4", 200, FILE, None),
        ("lines=0-1", 200, FILE, None),
        ("nonsense", 200, FILE, None),
    ],
)
def test_a_part_of_the_bytes_can_be_asked_for(
    reader: Program, numbers: list[str], asked: str, status: int, content: bytes | None, told: str | None
) -> None:
    [part] = files(reader, numbers[0])
    answer = reader("GET", f"/attachments/{part['id']}", Range=asked)
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, told)
    if content is None:
        problem(answer, 416, "range-not-satisfiable")
    else:
        assert answer.data == content
        assert answer.headers["Content-Length"] == str(len(content))
        assert answer.headers["Accept-Ranges"] == "bytes"


def test_a_part_of_something_else_is_not_taken_for_it(reader: Program, numbers: list[str]) -> None:
    path = f"/attachments/{files(reader, numbers[0])[0]['id']}"
    etag = reader("GET", path).headers["ETag"]
    assert reader("GET", path, Range="bytes=1-", If_Range=etag).status_code == 206
    assert reader("GET", path, Range="bytes=1-", If_Range='"other"').data == FILE
    assert reader("GET", path, Range="bytes=1-", If_Range=f"W/{etag}").data == FILE
    assert reader("GET", path, If_None_Match=f'"other", {etag}').status_code == 304
    assert reader("GET", path, If_None_Match='"other"').status_code == 200


def test_head_tells_the_size_of_it_all(reader: Program, numbers: list[str]) -> None:
    answer = reader("HEAD", f"/attachments/{files(reader, numbers[0])[0]['id']}", Range="bytes=0-0")
    assert (answer.status_code, answer.headers["Content-Length"], answer.data) == (200, "5", b"")


def test_what_is_not_kept_or_not_there_is_told(reader: Program, numbers: list[str]) -> None:
    assert numbers
    for path, code in (
        ("/articles/99", "unknown-article"),
        ("/articles/99/source", "unknown-article"),
        ("/attachments/99", "unknown-attachment"),
        ("/tickets/1/articles", "unknown-ticket"),
    ):
        problem(reader("GET", path), 404, code)


def test_tickets_are_handed_out_as_the_command_does(
    reader: Program, desk: Desk, numbers: list[str], tmp_path: Path
) -> None:
    assert numbers
    for form in ("jsonl", "mbox"):
        desk.ok("ticket", "export", "--format", form, "--output", tmp_path / form)
        assert reader("GET", f"/export?format={form}").data == (tmp_path / form).read_bytes()
    assert reader("GET", "/export").content_type == "application/x-ndjson"


def test_each_form_of_the_export_has_a_type_that_the_description_names(reader: Program, numbers: list[str]) -> None:
    assert numbers
    described = document()["paths"]["/export"]["get"]["responses"]["200"]["content"]
    sent = {reader("GET", f"/export?format={form}").content_type for form in FORMATS}
    assert sent == set(described)


def test_who_exports_is_noted(reader: Program, numbers: list[str], app: Flask) -> None:
    assert numbers
    assert reader("HEAD", "/export").data == b""
    reader("GET", "/export?queue=Misc")
    reader("GET", "/export")
    with app.app_context():
        events = [event for event in audit_log() if event.action == "export"]
    assert [(event.actor, event.label) for event in events] == [
        ("API token program 1", "Misc"),
        ("API token program 1", "all"),
    ]


def test_each_message_is_a_file_of_a_tar(reader: Program, numbers: list[str]) -> None:
    answer = reader("GET", "/export?format=eml&queue=Misc")
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as tar:
        names = tar.getnames()
        first = tar.extractfile(names[0])
        assert first is not None
        assert first.read() == ODD
    assert [name.partition("-")[0] for name in names] == [numbers[0]] * 2
    problem(reader("GET", "/export?queue=Nowhere"), 404, "unknown-queue")


def test_a_token_sees_its_queues_and_no_others(new_program: NewProgram, reader: Program, numbers: list[str]) -> None:
    mine, other = numbers
    limited = new_program("read", "admin", queues=["Misc"])
    assert [row["number"] for row in everything(limited, "/tickets")] == [mine]
    assert everything(limited, "/tickets?queue=Raw") == []
    assert everything(limited, f"/tickets?q={other}") == []
    [theirs] = everything(reader, f"/tickets/{other}/articles")
    [own, _] = everything(limited, f"/tickets/{mine}/articles")
    assert limited("GET", f"/articles/{own['id']}/source").data == ODD
    assert limited("GET", f"/attachments/{own['attachments'][0]['id']}").data == FILE
    exported = limited("GET", "/export").text
    assert mine in exported
    assert other not in exported
    for method, path, body, code in (
        ("GET", f"/tickets/{other}", None, "unknown-ticket"),
        ("GET", f"/tickets/{other}/articles", None, "unknown-ticket"),
        ("PATCH", f"/tickets/{other}", {"state": "open"}, "unknown-ticket"),
        ("PATCH", f"/tickets/{mine}", {"queue": "Raw"}, "unknown-queue"),
        ("POST", f"/tickets/{other}/merge", {"into": mine}, "unknown-ticket"),
        ("POST", f"/tickets/{mine}/merge", {"into": other}, "unknown-ticket"),
        ("GET", f"/articles/{theirs['id']}", None, "unknown-article"),
        ("GET", f"/articles/{theirs['id']}/source", None, "unknown-article"),
        ("GET", "/export?queue=Raw", None, "unknown-queue"),
    ):
        problem(limited(method, path, body), 404, code)


def test_a_token_learns_no_number_of_another_queue(
    desk: Desk, new_program: NewProgram, admin: Program, numbers: list[str]
) -> None:
    mine, other = numbers
    admin("POST", f"/tickets/{mine}/merge", {"into": other})
    assert admin.get(f"/tickets/{mine}")["merged_into"] == [other]
    limited = new_program("read", queues=["Misc"])
    assert limited.get(f"/tickets/{mine}")["merged_into"] == []
    assert other not in limited("GET", "/export").text
    assert other not in limited("GET", "/events").text
    assert other in admin("GET", "/events").text


def test_a_number_of_another_queue_is_a_word_like_any_other(
    desk: Desk, new_program: NewProgram, numbers: list[str]
) -> None:
    about = opened(desk, mail(f"about number {numbers[1]}", sender="bob@example.net"), "--queue", "Misc")
    limited = new_program("read", queues=["Misc"])
    assert [row["number"] for row in limited.get(f"/tickets?q={numbers[1]}")["items"]] == [about]


def test_a_token_that_is_revoked_while_it_waits_learns_of_nothing(desk: Desk, reader: Program) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader, "GET", "/events?wait=20")
        wait_until(lambda: reading._waiters._value < reading.MAX_WAITERS, "it to wait")
        desk.ok("token", "revoke", "program 1")
        opened(desk, mail("news"))
        problem(waiting.result(), 401, "token-revoked")


def test_attachments_of_another_queue_are_not_there(
    new_program: NewProgram, reader: Program, numbers: list[str]
) -> None:
    [part] = files(reader, numbers[0])
    problem(new_program("read", queues=["Raw"])("GET", f"/attachments/{part['id']}"), 404, "unknown-attachment")
