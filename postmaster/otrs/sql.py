"""Dumps in SQL, as mysqldump and pg_dump write them: rows of INSERT statements and of COPY blocks.

It is a reader of two kinds of statement, not of SQL: everything else is passed over. The work is linear in the dump, no
more of it is held than one statement's values take, and what it holds is only ever taken for text.

Rows in their usual form are found by one regular expression for each table (``fast_row``): a million of them is read
in seconds. Whatever it does not find is read token by token.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from postmaster.otrs.rows import DumpRow, Unreadable, bad_dump
from postmaster.otrs.sql_values import (
    POSTGRES_ESCAPE,
    Token,
    bare_value,
    fast_row,
    from_hex,
    layout_of,
    mysql_text,
    postgres_char,
    value_of,
)
from postmaster.otrs.window import Window

# The tables that are read, and of each the columns; None stands for all.
Wanted = Mapping[str, Collection[str] | None]

# A string, comment or name that is not closed reaches to the end of what has been read: there is more to read, or the
# dump was cut off there.
_COMMON = r"""
  (?P<blank>\s+)
| (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
| (?P<number>0x[0-9A-Fa-f]*|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
| (?P<word>[^\W\d][\w$]*)
| (?P<mark>.)
"""
_MYSQL = r"""
  (?P<hash>\#[^\n]*)
| (?:_[a-z0-9]+\s*)?(?P<digits>0x[0-9A-Fa-f]*)
| (?:_[a-z0-9]+\s*)?(?P<string>'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z))
| [xX](?P<hex>'[0-9A-Fa-f]*(?:'|\Z))
| (?P<name>`(?:[^`]|``)*+(?:`|\Z)|"(?:[^"\\]|\\.|"")*+(?:"|\\?\Z))
"""
_POSTGRES = r"""
  [eE](?P<escaped>'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z))
| (?P<string>'(?:[^']|'')*+(?:'|\Z))
| (?P<name>"(?:[^"]|"")*+(?:"|\Z))
"""
_TOKENS = {
    dialect: re.compile(f"{own}|{_COMMON}", re.VERBOSE | re.DOTALL)
    for dialect, own in (("mysql", _MYSQL), ("postgresql", _POSTGRES))
}

# What can be passed over without looking at it; not all at once, since each piece is remembered until the end.
_DULL = {
    "mysql": re.compile(r"(?>(?:[^;'\"`/#-]++|'[^'\\]*+(?:\\.[^'\\]*+)*+'){1,1000})", re.DOTALL),
    "postgresql": re.compile(r"(?>(?:[^;'\"/\-$eE]++|[eE](?=[^'])|'[^']*+'){1,1000})", re.DOTALL),
}

# By what the two kinds of dump are told apart; a dump without either is taken for MySQL's.
_MYSQL_MARKS = re.compile(r"\s*(?:/\*M!.*\n)?-- (?:MySQL|MariaDB) dump")
_POSTGRES_MARKS = re.compile(r"PostgreSQL database dump|\bFROM stdin;|standard_conforming_strings|pg_catalog\.")

_SKIPPED = frozenset({"blank", "comment", "hash"})
_QUOTED = frozenset({"string", "escaped", "name", "hex"})

_BEFORE_NAMES = frozenset({"into", "ignore", "only", "low_priority", "delayed", "if", "not", "exists"})

# Words that begin a line of CREATE TABLE which is no column.
_NO_COLUMN = frozenset(
    {"primary", "unique", "key", "index", "constraint", "foreign", "fulltext", "check", "exclude", "spatial", "like"}
)


END = Token("end", "")


def read_sql(chunks: Iterator[str], wanted: Wanted) -> Iterator[DumpRow | Unreadable]:
    """The rows of the ``wanted`` tables. Raises InputError if the dump ends in the middle of a statement."""
    return _Reader(chunks, wanted).rows()


class _Reader:
    """A place in a dump. ``columns`` are those that CREATE TABLE statements have named, by table."""

    def __init__(self, chunks: Iterator[str], wanted: Wanted) -> None:
        self.window = Window(chunks)
        self.wanted = wanted
        text = self.window.text
        is_postgres = not _MYSQL_MARKS.match(text) and _POSTGRES_MARKS.search(text)
        self.dialect = "postgresql" if is_postgres else "mysql"
        self.columns: dict[str, list[str]] = {}

    def rows(self) -> Iterator[DumpRow | Unreadable]:
        """All rows; the statements before them are passed over."""
        while (token := self.next()) is not END:
            if token.says("create"):
                self._create()
            elif token.says("insert", "replace"):
                yield from self._insert()
            elif token.says("copy"):
                yield from self._copy()
            elif token.says("\\"):  # a command of psql, such as \restrict
                self.window.read_line()
            elif not token.says(";"):
                self._skip(token)

    def next(self) -> Token:
        """The next token that says something."""
        pattern = _TOKENS[self.dialect]
        while found := self.window.match(pattern):
            kind = str(found.lastgroup)
            if kind not in _SKIPPED:
                quoted = found[kind]
                if kind in _QUOTED and (len(quoted) < 2 or quoted[-1] != quoted[0]):
                    raise self._cut_off()
                self.window.at = found.end()
                return Token(kind, self._plain(kind, quoted) if kind in _QUOTED else quoted)
            self.window.at = found.end()
        return END

    def _cut_off(self) -> Exception:
        flaw = f"ends in the middle of what begins in line {self.window.line()}"
        return bad_dump(flaw, "It was cut off; make it again, and check that the disk had space.")

    def _plain(self, kind: str, quoted: str) -> str:
        inner = quoted[1:-1]
        if kind == "hex":
            return from_hex(inner)
        inner = inner.replace(quoted[0] * 2, quoted[0])
        if kind == "escaped":
            return POSTGRES_ESCAPE.sub(postgres_char, inner)
        return mysql_text(inner) if kind == "string" and self.dialect == "mysql" else inner

    def _skip(self, token: Token) -> None:
        """Pass over the rest of a statement."""
        while token is not END and not token.says(";"):
            if dull := _DULL[self.dialect].match(self.window.text, self.window.at):
                self.window.at = dull.end()
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
                raise self._cut_off()
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
        layout = layout_of(name, columns, self.wanted[name])
        fast = fast_row(self.dialect, layout)
        while True:
            if fast and (found := fast.match(self.window.text, self.window.at)) and found.end() < len(self.window.text):
                line = self.window.line(found.start("row"))
                self.window.at = found.end()
                values = (self._usual(value) for value in found.groups()[1:])
                yield DumpRow(name, line, dict(zip(layout.names, values, strict=True)))
            elif (token := self.next()).says(";"):
                return
            elif token is END:
                raise self._cut_off()
            elif token.says("("):
                line = self.window.line()
                yield layout.row(line, list(self._values()))

    def _usual(self, raw: str) -> str | None:
        """The value of what ``_USUAL`` has found."""
        if raw[-1] == "'":
            inner = raw[raw.index("'") + 1 : -1]
            if "'" in inner:
                inner = inner.replace("''", "'")
            return mysql_text(inner) if self.dialect == "mysql" and "\\" in inner else inner
        return bare_value(raw)

    def _values(self) -> Iterator[str | None]:
        """The values of a row, up to its closing bracket. What is computed, such as a time, counts as NULL."""
        depth = 1
        value: list[Token] = []
        while depth:
            token = self.next()
            if token is END or (depth == 1 and token.says(";")):
                raise self._cut_off()
            depth += token.says("(") - token.says(")")
            if depth == 0 or (depth == 1 and token.says(",")):
                yield value_of(value)
                value = []
            else:
                value.append(token)

    def _copy(self) -> Iterator[DumpRow | Unreadable]:
        name, token = self._table()
        columns = self.columns.get(name)
        if token.says("("):
            columns, token = self._names(), self.next()
        from_stdin = token.says("from") and self.next().says("stdin")
        self._skip(self.next())
        if not from_stdin:
            return
        self.window.read_line()
        layout = layout_of(name, columns, self.wanted[name]) if name in self.wanted else None
        line = self.window.line()
        while (content := self._copy_line()) != "\\.":
            if layout:
                yield layout.copied(line, content.split("\t"))
            line += 1

    def _copy_line(self) -> str:
        content, whole = self.window.read_line()
        if not whole and content != "\\.":
            flaw = "ends in the middle of a COPY block"
            raise bad_dump(flaw, "It was cut off; make it again, and check that the disk had space.")
        return content
