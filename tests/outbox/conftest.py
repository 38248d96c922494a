"""The app on either database, and its events as other programs read them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import Desk


class Reader:
    """Reads on after what it has read, as another program does."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.after = 0

    def new(self, *options: object) -> list[Any]:
        """The events since the last time."""
        events = self.desk.ok("event", "list", "--json", "--after", self.after, *options).json_lines
        sequences = [event["sequence"] for event in events]
        assert sequences == sorted(set(sequences))
        assert all(sequence > self.after for sequence in sequences)
        self.after = max([self.after, *sequences])
        return events

    def told(self, *options: object) -> list[tuple[str, Any]]:
        """The same in short: each type, with what was changed."""
        return [(event["type"], event["data"].get("changes")) for event in self.new(*options)]


@pytest.fixture
def reader(desk: Desk) -> Reader:
    """A program that reads events."""
    return Reader(desk)
