"""Values in dumps: how databases write them, and the layout of a table's rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from postmaster.otrs.rows import DumpRow, Unreadable

# A value in its usual form.
_USUAL = {
    "mysql": r"(?:(?:_[a-z0-9]+\s?+)?'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|[\w.+-]++)",
    "postgresql": r"(?:'[^']*+(?:''[^']*+)*+'|[\w.+-]++)",
}
POSTGRES_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_MYSQL_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MYSQL_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}
_POSTGRES_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


class Token(NamedTuple):
    """A piece of SQL: its kind, and the text without quotes."""

    kind: str
    text: str

    def says(self, *words: str) -> bool:
        """Whether it is one of these keywords or marks."""
        return self.kind in ("word", "mark") and self.text.lower() in words


class Layout(NamedTuple):
    """Where the values of a table's rows stand. ``names`` and ``places`` are of those that are wanted."""

    table: str
    columns: tuple[str, ...]
    names: tuple[str, ...]
    places: tuple[int, ...]

    def row(self, line: int, values: Sequence[str | None]) -> DumpRow | Unreadable:
        """The row with these values."""
        if not self.columns:
            why = "the dump does not name its columns; keep the CREATE TABLE statements, or add --complete-insert"
            return Unreadable(self.table, line, why)
        if len(self.columns) != len(values):
            return Unreadable(self.table, line, f"it has {len(values)} values for {len(self.columns)} columns")
        return DumpRow(
            self.table, line, {name: values[place] for name, place in zip(self.names, self.places, strict=True)}
        )

    def copied(self, line: int, values: Sequence[str]) -> DumpRow | Unreadable:
        """The row with these values, as COPY writes them."""
        if len(self.columns) != len(values):
            return self.row(line, values)
        chosen = {name: copied_value(values[place]) for name, place in zip(self.names, self.places, strict=True)}
        return DumpRow(self.table, line, chosen)


def layout_of(table: str, columns: Sequence[str] | None, wanted: Collection[str] | None) -> Layout:
    """Where the values stand that are ``wanted`` of a table with these columns."""
    chosen = [(name, place) for place, name in enumerate(columns or ()) if wanted is None or name in wanted]
    return Layout(table, tuple(columns or ()), tuple(name for name, _ in chosen), tuple(place for _, place in chosen))


@lru_cache(maxsize=100)
def fast_row(dialect: str, layout: Layout) -> re.Pattern[str] | None:
    """What finds a whole row of the table, and the values that are wanted; None without columns."""
    if not layout.columns:
        return None
    value = _USUAL[dialect]
    values = [f"({value})" if place in layout.places else value for place in range(len(layout.columns))]
    comma = r"[ \n]?+,[ \n]?+"
    return re.compile(rf",?+\s*+(?P<row>\()[ \n]?+{comma.join(values)}[ \n]?+\)", re.DOTALL)


def value_of(tokens: Sequence[Token]) -> str | None:
    """The value that is written so; None for NULL, and for anything that a database would have to compute."""
    if tokens and tokens[0].kind == "word" and tokens[0].text.startswith("_"):  # the character set, as in _binary '…'
        tokens = tokens[1:]
    if len(tokens) != 1 and not _is_cast(tokens):
        return None
    if not tokens or tokens[0].kind == "mark":
        return None
    token = tokens[0]
    return bare_value(token.text) if token.kind in ("word", "number", "digits") else token.text


def bare_value(text: str) -> str | None:
    """The value of what stands without quotes: a number, a word, digits of bytes."""
    if text[:2] == "0x":
        return from_hex(text[2:])
    if text[0].isdigit() or text[0] in "+-.":
        return text
    return {"true": "1", "false": "0"}.get(text.lower())


def mysql_text(text: str) -> str:
    """``text`` of a string in MySQL, its escapes resolved."""
    return _MYSQL_ESCAPE.sub(lambda found: _MYSQL_ESCAPES.get(found[1], found[1]), text)


def _is_cast(tokens: Sequence[Token]) -> bool:
    """Whether it is a value of a stated type, as in ``'x'::text``."""
    return any(first.says(":") and second.says(":") for first, second in pairwise(tokens[1:3]))


def from_hex(digits: str) -> str:
    """The text that hexadecimal ``digits`` stand for."""
    try:
        return bytes.fromhex(digits).decode("utf-8", "surrogateescape")
    except ValueError:
        return digits


def copied_value(text: str) -> str | None:
    """A value of a COPY block (PostgreSQL, "COPY", text format)."""
    if text == "\\N":
        return None
    return POSTGRES_ESCAPE.sub(postgres_char, text) if "\\" in text else text


def postgres_char(found: re.Match[str]) -> str:
    """The character that an escape of PostgreSQL stands for."""
    escape = found[1]
    if escape[0] in "01234567":
        return chr(int(escape, 8))
    if len(escape) > 1:
        return chr(int(escape[1:], 16))
    return _POSTGRES_ESCAPES.get(escape, escape)
