"""What a dump is read into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import category

from postmaster.errors import InputError


@dataclass(frozen=True)
class DumpRow:
    """A row of a table, with the line of the dump that it stands in. Values are text, whatever type the column has."""

    table: str
    line: int
    values: Mapping[str, str | None]

    def get(self, column: str) -> str:
        """The value of ``column``; empty if it is NULL or the dump has no such column."""
        return self.values.get(column) or ""

    def comment(self) -> str:
        """Its comment, without what no page can show: nobody loses a row by that."""
        return "".join(char for char in self.get("comments") if char in "\n\r\t" or category(char) not in ("Cc", "Cs"))


@dataclass(frozen=True)
class Unreadable:
    """A row whose values cannot be told apart, and why."""

    table: str
    line: int
    why: str


def bad_dump(flaw: str, advice: str) -> InputError:
    """The error that the dump as a whole cannot be used; ``flaw`` continues the sentence after "The dump"."""
    return InputError("Dump", f"The dump {flaw}.", advice, code="bad-document")
