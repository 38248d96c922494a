"""A moving view of a text that is too long to be held: what lies behind is dropped, what is needed is read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postmaster.otrs.rows import bad_dump

# Characters that are read at once, and of the longest piece that is held to be looked at.
CHUNK = 1 << 20
MAX_PIECE = 256 << 20


class Window:
    """``text`` from the place ``at`` on, as far as it has been read. ``line`` says where that is in the whole."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self.text = ""
        self.at = 0
        self._chunks = chunks
        self._line, self._counted = 1, 0
        self.more()

    def more(self) -> bool:
        """Read on, twice as much as is held, so that a long piece is not looked at again and again; False at the end.

        Raises InputError if a piece is longer than any that a database writes.
        """
        wanted = max(CHUNK, len(self.text) - self.at)
        parts: list[str] = []
        while wanted > 0 and (chunk := next(self._chunks, "")):
            parts.append(chunk)
            wanted -= len(chunk)
        if not parts:
            return False
        self._line, self._counted = self.line(), 0
        self.text = "".join((self.text[self.at :], *parts))
        self.at = 0
        if len(self.text) > MAX_PIECE:
            flaw = f"has a value of more than {MAX_PIECE >> 20} MB, which begins in line {self._line}"
            raise bad_dump(flaw, "It is damaged, or no dump of a service desk; make it again.")
        return True

    def line(self, position: int | None = None) -> int:
        """The number of the line that the place is in, or ``position``. Positions are asked for in their order."""
        place = self.at if position is None else position
        self._line += self.text.count("\n", self._counted, place)
        self._counted = max(self._counted, place)
        return self._line

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What ``pattern`` finds here. It may reach to the end of what has been read only if that is the end of all."""
        found = pattern.match(self.text, self.at)
        while (found is None or found.end() == len(self.text)) and self.more():
            found = pattern.match(self.text, self.at)
        return found

    def read_line(self) -> tuple[str, bool]:
        """The rest of the line, and whether it has an end."""
        end = self.text.find("\n", self.at)
        while end < 0 and self.more():
            end = self.text.find("\n", self.at)
        start, whole = self.at, end >= 0
        self.at = end + 1 if whole else len(self.text)
        return self.text[start : end if whole else None].removesuffix("\r"), whole
