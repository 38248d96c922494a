"""What became of each row of a dump."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from postmaster.extensions import Json
from postmaster.otrs.rows import DumpRow
from postmaster.resources.named_service import printable


class Taken(StrEnum):
    """What became of a row. One that was passed over is not missed here; one that was left out is."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PASSED_OVER = "passed-over"
    LEFT_OUT = "left-out"


@dataclass(frozen=True)
class ImportLine:
    """A line of the report: what of which row of the dump, what became of it, and what to know. Never a secret.

    ``by_hand``: it was taken, but does not do all that it did there until somebody sees to it.
    """

    line: int
    table: str
    what: str
    taken: Taken
    detail: str = ""
    code: str = ""
    by_hand: bool = False

    def as_json(self) -> Json:
        """As ``flask import otrs --json`` prints it."""
        return {**asdict(self), "taken": self.taken.value}


@dataclass
class ImportReport:
    """The lines, in the order in which rows were taken."""

    lines: list[ImportLine] = field(default_factory=list)

    def add(
        self, row: DumpRow, what: str, taken: Taken, detail: str = "", code: str = "", *, by_hand: bool = False
    ) -> None:
        """Note what became of ``row``."""
        self.lines.append(ImportLine(row.line, row.table, printable(what), taken, printable(detail), code, by_hand))

    def say_of(self, row: DumpRow, *lacks: str) -> None:
        """Add to the line of ``row`` what somebody has to see to, which has turned out later."""
        place = next(at for at, line in enumerate(self.lines) if (line.line, line.table) == (row.line, row.table))
        for words in lacks:
            line = self.lines[place]
            detail = printable(f"{line.detail} {words}".strip())
            self.lines[place] = replace(line, detail=detail, by_hand=True)

    def warn(self, table: str, warning: str) -> None:
        """Note what to know of all rows of ``table`` together."""
        self.lines.append(ImportLine(0, table, "warning", Taken.UNCHANGED, printable(warning), by_hand=True))

    def tell(self, table: str, what: str, detail: str) -> None:
        """Note what is not taken of any row of ``table``, and not missed here."""
        self.lines.append(ImportLine(0, table, what, Taken.PASSED_OVER, detail))

    def counts(self) -> Counter[Taken]:
        """How many rows became what."""
        return Counter(line.taken for line in self.lines if line.line)

    def by_hand(self) -> Iterator[ImportLine]:
        """What could not be taken, or not as it was."""
        return (line for line in self.lines if line.by_hand or line.taken is Taken.LEFT_OUT)
