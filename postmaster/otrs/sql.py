"""Dumps in SQL, as mysqldump and pg_dump write them: rows of INSERT statements and of COPY blocks.

It is a reader of two kinds of statement, not of SQL: everything else is passed over token by token. The work is
linear in the dump, and what it holds is only ever taken for text.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from postmaster.otrs.rows import DumpRow, Unreadable, bad_dump

# A string, comment or name that is not closed reaches to the end: the dump was cut off there.
_COMMON = r"""
  (?P<blank>\s+)
| (?P<comment>--[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))
| (?P<number>0x[0-9A-Fa-f]+|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
| (?P<word>[^\W\d][\w$]*)
| (?P<mark>.)
"""
_MYSQL = r"""
  (?P<hash>\#[^\n]*)
| (?:_[a-z0-9]+\s*)?(?P<string>'(?:[^'\\]|\\.|'')*+(?:'|\Z))
| [xX](?P<hex>'[0-9A-Fa-f]*(?:'|\Z))
| (?P<name>`(?:[^`]|``)*+(?:`|\Z)|"(?:[^"\\]|\\.|"")*+(?:"|\Z))
"""
_POSTGRES = r"""
  [eE](?P<escaped>'(?:[^'\\]|\\.|'')*+(?:'|\Z))
| (?P<string>'(?:[^']|'')*+(?:'|\Z))
| (?P<name>"(?:[^"]|"")*+(?:"|\Z))
"""
_TOKENS = {
    dialect: re.compile(f"{own}|{_COMMON}", re.VERBOSE | re.DOTALL)
    for dialect, own in (("mysql", _MYSQL), ("postgresql", _POSTGRES))
}

# By what the two kinds of dump are told apart; a dump without either is taken for MySQL's.
_POSTGRES_MARKS = re.compile(r"PostgreSQL database dump|\bFROM stdin;|standard_conforming_strings|pg_catalog\.")

_SKIPPED = frozenset({"blank", "comment", "hash"})
_QUOTED = frozenset({"string", "escaped", "name", "hex"})

_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_MYSQL_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}
_COPY_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}

_BEFORE_NAMES = frozenset({"into", "ignore", "only", "low_priority", "delayed", "if", "not", "exists"})

# Words that begin a line of CREATE TABLE which is no column.
_NO_COLUMN = frozenset(
    {"primary", "unique", "key", "index", "constraint", "foreign", "fulltext", "check", "exclude", "spatial", "like"}
)


class Token(NamedTuple):
    """A piece of SQL: its kind, the text without quotes, and where it begins."""

    kind: str
    text: str
    start: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these keywords or marks."""
        return self.kind in ("word", "mark") and self.text.lower() in words


END = Token("end", "", -1)


def read_sql(text: str, wanted: Container[str]) -> Iterator[DumpRow | Unreadable]:
    """The rows of the ``wanted`` tables. Raises InputError if the dump ends in the middle of a statement."""
    return _Reader(text, wanted).rows()


class _Reader:
    """A place in a dump. ``columns`` are those that CREATE TABLE statements have named, by table."""

    def __init__(self, text: str, wanted: Container[str]) -> None:
        self.text = text
        self.wanted = wanted
        self.dialect = "postgresql" if _POSTGRES_MARKS.search(text) else "mysql"
        self.position = 0
        self.columns: dict[str, list[str]] = {}
        self._counted = (0, 1)

    def rows(self) -> Iterator[DumpRow | Unreadable]:
        """All rows; the statements before them are passed over."""
        while (token := self.next()) is not END:
            if token.says("create"):
                self._create()
            elif token.says("insert", "replace"):
                yield from self._insert()
            elif token.says("copy"):
                yield from self._copy(token)
            elif not token.says(";"):
                self._skip(token)

    def next(self) -> Token:
        """The next token that says something."""
        pattern = _TOKENS[self.dialect]
        while found := pattern.match(self.text, self.position):
            kind, start = str(found.lastgroup), self.position
            self.position = found.end()
            if kind in _SKIPPED:
                continue
            if kind not in _QUOTED:
                return Token(kind, found[kind], start)
            quoted = found[kind]
            if len(quoted) < 2 or quoted[-1] != quoted[0]:
                raise self._cut_off(start)
            return Token(kind, self._plain(kind, quoted), start)
        return END

    def line(self, position: int) -> int:
        """The number of the line that ``position`` is in. Positions are asked for in their order."""
        before, line = self._counted
        line += self.text.count("\n", before, position)
        self._counted = (position, line)
        return line

    def _cut_off(self, position: int) -> Exception:
        flaw = f"ends in the middle of what begins in line {self.line(position)}"
        return bad_dump(flaw, "It was cut off; make it again, and check that the disk had space.")

    def _plain(self, kind: str, quoted: str) -> str:
        inner = quoted[1:-1]
        if kind == "hex":
            return _from_hex(inner)
        inner = inner.replace(quoted[0] * 2, quoted[0])
        if kind == "escaped" or (kind == "string" and self.dialect == "mysql"):
            return _ESCAPE.sub(lambda found: _MYSQL_ESCAPES.get(found[1], found[1]), inner)
        return inner

    def _skip(self, token: Token) -> None:
        """Pass over the rest of a statement."""
        while token is not END and not token.says(";"):
            token = self.next()

    def _table(self) -> tuple[str, Token]:
        """A table's name without its schema, and the token after it."""
        token = self.next()
        while token.says(*_BEFORE_NAMES):
            token = self.next()
        name, token = token.text, self.next()
        while token.says("."):
            name, token = self.next().text, self.next()
        return name.lower(), token

    def _create(self) -> None:
        """Remember the columns of a table in their order."""
        token = self.next()
        if not token.says("table"):
            self._skip(token)
            return
        name, token = self._table()
        if token.says("("):
            self.columns[name] = [column for column in self._definitions() if column]
        self._skip(self.next())

    def _definitions(self) -> Iterator[str]:
        """The names of columns, up to the closing bracket."""
        depth, begins = 1, True
        while depth and (token := self.next()) is not END:
            depth += token.says("(") - token.says(")")
            if begins and token.kind in ("word", "name") and not (token.kind == "word" and token.says(*_NO_COLUMN)):
                yield token.text.lower()
            begins = depth == 1 and token.says(",")

    def _names(self) -> list[str]:
        """A list of columns, its opening bracket behind us."""
        names = []
        while not (token := self.next()).says(")"):
            if token is END:
                raise self._cut_off(len(self.text))
            if token.kind in ("word", "name"):
                names.append(token.text.lower())
        return names

    def _insert(self) -> Iterator[DumpRow | Unreadable]:
        name, token = self._table()
        columns = self.columns.get(name)
        if token.says("("):
            columns, token = self._names(), self.next()
        if name not in self.wanted or not token.says("values"):
            self._skip(token)
            return
        while not (token := self.next()).says(";"):
            if token is END:
                raise self._cut_off(len(self.text))
            if token.says("("):
                line = self.line(token.start)
                yield _row(name, line, columns, list(self._values()))

    def _values(self) -> Iterator[str | None]:
        """The values of a row, up to its closing bracket. What is computed, such as a time, counts as NULL."""
        depth = 1
        value: list[Token] = []
        while depth:
            token = self.next()
            if token is END or (depth == 1 and token.says(";")):
                raise self._cut_off(len(self.text))
            depth += token.says("(") - token.says(")")
            if depth == 0 or (depth == 1 and token.says(",")):
                yield _value(value)
                value = []
            else:
                value.append(token)

    def _copy(self, start: Token) -> Iterator[DumpRow | Unreadable]:
        name, token = self._table()
        columns = self.columns.get(name)
        if token.says("("):
            columns, token = self._names(), self.next()
        from_stdin = token.says("from") and self.next().says("stdin")
        self._skip(self.next())
        if not from_stdin:
            return
        self.position = self.text.find("\n", self.position) + 1 or len(self.text)
        line = self.line(self.position)
        while (content := self._copy_line(start)) != "\\.":
            if name in self.wanted:
                yield _row(name, line, columns, [_copied(part) for part in content.split("\t")])
            line += 1

    def _copy_line(self, start: Token) -> str:
        end = self.text.find("\n", self.position)
        content = self.text[self.position : end if end >= 0 else len(self.text)]
        if end < 0 and content != "\\.":
            flaw = "ends in the middle of a COPY block"
            raise bad_dump(flaw, "It was cut off; make it again, and check that the disk had space.")
        self.position = end + 1 if end >= 0 else len(self.text)
        return content


def _row(table: str, line: int, columns: Sequence[str] | None, values: Sequence[str | None]) -> DumpRow | Unreadable:
    if not columns:
        return Unreadable(
            table,
            line,
            "the dump does not name its columns; keep the CREATE TABLE statements, or add --complete-insert",
        )
    if len(columns) != len(values):
        return Unreadable(table, line, f"it has {len(values)} values for {len(columns)} columns")
    return DumpRow(table, line, dict(zip(columns, values, strict=True)))


def _value(tokens: Sequence[Token]) -> str | None:
    """The value that is written so; None for NULL, and for anything that a database would have to compute."""
    if len(tokens) != 1 and not _is_cast(tokens):
        return None
    if not tokens or tokens[0].kind in ("word", "mark"):
        return {"true": "1", "false": "0"}.get(tokens[0].text.lower()) if tokens else None
    text = tokens[0].text
    return _from_hex(text[2:]) if tokens[0].kind == "number" and text.startswith("0x") else text


def _is_cast(tokens: Sequence[Token]) -> bool:
    """Whether it is a value of a stated type, as in ``'x'::text``."""
    return any(first.says(":") and second.says(":") for first, second in pairwise(tokens[1:3]))


def _from_hex(digits: str) -> str:
    try:
        return bytes.fromhex(digits).decode("utf-8", "surrogateescape")
    except ValueError:
        return digits


def _copied(text: str) -> str | None:
    """A value of a COPY block (PostgreSQL, "COPY", text format)."""
    if text == "\\N":
        return None
    return _ESCAPE.sub(_copy_escape, text) if "\\" in text else text


def _copy_escape(found: re.Match[str]) -> str:
    escape = found[1]
    if escape[0] in "01234567":
        return chr(int(escape, 8))
    if len(escape) > 1:
        return chr(int(escape[1:], 16))
    return _COPY_ESCAPES.get(escape, escape)
