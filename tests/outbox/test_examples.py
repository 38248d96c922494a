"""The examples of docs/outlets.md are what programs get: each type is brought about, and compared."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from postmaster.outbox.models import EventType
from tests.docs.documents import TOP
from tests.outbox.conftest import Reader
from tests.outbox.test_document import MULTIPART, PART
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail

PAGE = (TOP / "docs/outlets.md").read_text()
EXAMPLES = {example["type"]: example for example in map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))}

# What is the same whenever an event is brought about: words of ours.
WORD = re.compile(r"[a-z][a-z. -]*")


@pytest.fixture
def told(desk: Desk, reader: Reader, mailbox: TestMailbox) -> dict[str, Any]:
    """An event of each type."""
    opened = desk.ok(
        "read", "--json", input=mail("The printer burns", body=PART.format(text="Help!"), headers=MULTIPART)
    ).json
    desk.ok("ticket", "set", opened["ticket"], "--state", "closed successful")
    reader.new()
    answer = [f"In-Reply-To: <{opened['message']['message_id']}>"]
    reader.after = 0
    desk.ok("read", input=mail("Re: The printer burns", headers=answer))
    sender = "Eve <eve@example.com>"
    desk.ok("read", "--trusted", input=mail("Cheap", headers=["X-OTRS-Ignore: yes"], sender=sender))
    desk.ok("setting", "set", "TicketsPerSenderHour", "1")
    for _ in range(2):
        desk.ok("read", input=mail("Disk full", sender="Monitor <monitor@example.net>"))
    account = desk.account(mailbox, port=1)
    desk.fetch(code=1)
    desk.ok("account", "set", account, "--port", mailbox.server.port("imap"))
    desk.fetch()
    found: dict[str, Any] = {}
    for event in reader.new():
        if "changes" not in event["data"] or event["data"]["mail"]:  # that of the follow-up
            found.setdefault(event["type"], event)
    return found


def kinds(value: Any) -> Any:
    """The names of a value, and of what kind each is."""
    if isinstance(value, dict):
        return {name: kinds(part) for name, part in value.items()}
    if isinstance(value, list):
        return [kinds(value[0])] if value else []
    return type(value).__name__


def test_each_type_is_in_the_table_with_an_example() -> None:
    rows = re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", PAGE, re.MULTILINE)
    assert rows == list(EXAMPLES) == [kind.value for kind in EventType]


def test_the_examples_are_what_programs_get(told: dict[str, Any]) -> None:
    assert told.keys() == EXAMPLES.keys()
    assert {name: shown(event, EXAMPLES[name]) for name, event in told.items()} == {
        name: shown(example, example) for name, example in EXAMPLES.items()
    }


def shown(event: Any, example: Any) -> Any:
    """What an example shows of an event. It leaves out parts of what others show; the first one shows everything."""
    if example["type"] == EventType.TICKET_CREATED:
        return kinds(event)
    return _part(event, example)


def _part(value: Any, example: Any) -> Any:
    if isinstance(example, dict):
        return {name: _part(value[name], part) for name, part in example.items()}
    if isinstance(example, list) and example and isinstance(example[0], dict):
        return [_part(value[0], example[0])]
    literal = isinstance(example, list) or example is None or WORD.fullmatch(str(example))
    return value if literal else type(value).__name__
