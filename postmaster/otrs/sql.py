"""Dumps in SQL, as mysqldump and pg_dump write them: rows of INSERT statements and of COPY blocks.

It is a reader of two kinds of statement, not of SQL: everything else is passed over. The work is linear in the dump, no
more of it is held than one statement's values take, and what it holds is only ever taken for text.

Rows in their usual form are found by one regular expression for each table (``_fast_row``): a million of them is read
in seconds. Whatever it does not find is read token by token.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from postmaster.otrs.rows import DumpRow, Unreadable, bad_dump
from postmaster.otrs.window import Window

# The tables that are read, and of each the columns; None stands for all.
Wanted = Mapping[str, Collection[str] | None]

# A string, comment or name that is not closed reaches to the end of what has been read: there is more to read, or the
# dump was cut off there.
_COMMON = r"""
  (?P<blank>\s+)
| (?P<comment>--[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))
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

# A value in its usual form, and what can be passed over without looking at it.
_USUAL = {
    "mysql": r"(?:(?:_[a-z0-9]+\s?+)?'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|[\w.+-]++)",
    "postgresql": r"(?:'[^']*+(?:''[^']*+)*+'|[\w.+-]++)",
}
_DULL = {
    "mysql": re.compile(r"(?:[^;'\"`/#-]++|'[^'\\]*+(?:\\.[^'\\]*+)*+')++", re.DOTALL),
    "postgresql": re.compile(r"(?:[^;'\"/\-$eE]++|[eE](?=[^'])|'[^']*+')++", re.DOTALL),
}

# By what the two kinds of dump are told apart; a dump without either is taken for MySQL's.
_MYSQL_MARKS = re.compile(r"\s*(?:/\*M!.*\n)?-- (?:MySQL|MariaDB) dump")
_POSTGRES_MARKS = re.compile(r"PostgreSQL database dump|\bFROM stdin;|standard_conforming_strings|pg_catalog\.")

_SKIPPED = frozenset({"blank", "comment", "hash"})
_QUOTED = frozenset({"string", "escaped", "name", "hex"})

_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_MYSQL_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MYSQL_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}
_POSTGRES_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}

_BEFORE_NAMES = frozenset({"into", "ignore", "only", "low_priority", "delayed", "if", "not", "exists"})

# Words that begin a line of CREATE TABLE which is no column.
_NO_COLUMN = frozenset(
    {"primary", "unique", "key", "index", "constraint", "foreign", "fulltext", "check", "exclude", "spatial", "like"}
)


class Token(NamedTuple):
    """A piece of SQL: its kind, and the text without quotes."""

    kind: str
    text: str

    def says(self, *words: str) -> bool:
        """Whether it is one of these keywords or marks."""
        return self.kind in ("word", "mark") and self.text.lower() in words


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
            return _from_hex(inner)
        inner = inner.replace(quoted[0] * 2, quoted[0])
        if kind == "escaped":
            return _ESCAPE.sub(_escaped, inner)
        return _unescaped(inner) if kind == "string" and self.dialect == "mysql" else inner

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
        layout = _layout(name, columns, self.wanted[name])
        fast = _fast_row(self.dialect, layout)
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
            return _unescaped(inner) if self.dialect == "mysql" and "\\" in inner else inner
        return _bare(raw)

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
                yield _value(value)
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
        layout = _layout(name, columns, self.wanted[name]) if name in self.wanted else None
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


class _Layout(NamedTuple):
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
        chosen = {name: _copied(values[place]) for name, place in zip(self.names, self.places, strict=True)}
        return DumpRow(self.table, line, chosen)


def _layout(table: str, columns: Sequence[str] | None, wanted: Collection[str] | None) -> _Layout:
    chosen = [(name, place) for place, name in enumerate(columns or ()) if wanted is None or name in wanted]
    return _Layout(table, tuple(columns or ()), tuple(name for name, _ in chosen), tuple(place for _, place in chosen))


@lru_cache(maxsize=100)
def _fast_row(dialect: str, layout: _Layout) -> re.Pattern[str] | None:
    """What finds a whole row of the table, and the values that are wanted; None without columns."""
    if not layout.columns:
        return None
    value = _USUAL[dialect]
    values = [f"({value})" if place in layout.places else value for place in range(len(layout.columns))]
    comma = r"[ \n]?+,[ \n]?+"
    return re.compile(rf",?+\s*+(?P<row>\()[ \n]?+{comma.join(values)}[ \n]?+\)", re.DOTALL)


def _value(tokens: Sequence[Token]) -> str | None:
    """The value that is written so; None for NULL, and for anything that a database would have to compute."""
    if tokens and tokens[0].kind == "word" and tokens[0].text.startswith("_"):  # the character set, as in _binary '…'
        tokens = tokens[1:]
    if len(tokens) != 1 and not _is_cast(tokens):
        return None
    if not tokens or tokens[0].kind == "mark":
        return None
    token = tokens[0]
    return _bare(token.text) if token.kind in ("word", "number", "digits") else token.text


def _bare(text: str) -> str | None:
    """The value of what stands without quotes: a number, a word, digits of bytes."""
    if text[:2] == "0x":
        return _from_hex(text[2:])
    if text[0].isdigit() or text[0] in "+-.":
        return text
    return {"true": "1", "false": "0"}.get(text.lower())


def _unescaped(text: str) -> str:
    return _MYSQL_ESCAPE.sub(lambda found: _MYSQL_ESCAPES.get(found[1], found[1]), text)


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
    return _ESCAPE.sub(_escaped, text) if "\\" in text else text


def _escaped(found: re.Match[str]) -> str:
    escape = found[1]
    if escape[0] in "01234567":
        return chr(int(escape, 8))
    if len(escape) > 1:
        return chr(int(escape[1:], 16))
    return _POSTGRES_ESCAPES.get(escape, escape)
