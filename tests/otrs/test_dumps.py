"""Dumps are read whatever program made them, and whatever is in them; none is executed, and none is half read."""

from __future__ import annotations

import gzip
import json
import tarfile
import time
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.errors import InputError
from postmaster.otrs import window
from postmaster.otrs.documents import scalar
from postmaster.otrs.dump import read_dump
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.sql import read_sql
from tests.turns import in_turns

MYSQL = "-- MySQL dump 10.13\n"
POSTGRES = "-- PostgreSQL database dump\n"

# What a value may be: any text that a database takes.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=40)
VALUE = st.none() | TEXT
ROWS = st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=5)


def mysql_literal(value: str | None) -> str:
    """A value as mysqldump writes it."""
    escapes = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\x1a": "\\Z"}
    return "NULL" if value is None else "'" + "".join(escapes.get(char, char) for char in value) + "'"


def postgres_literal(value: str | None) -> str:
    """A value as pg_dump --inserts writes it."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def copied(value: str | None) -> str:
    """A value as it stands in a COPY block."""
    escapes = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
    return "\\N" if value is None else "".join(escapes.get(char, char) for char in value)


def read(text: str) -> list[tuple[str | None, ...]]:
    """The values of all rows that are read."""
    dump = read_dump(BytesIO(text.encode()))
    assert dump.unreadable == []
    return [tuple(row.values.values()) for row in dump.rows]


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_what_was_written_is_read(rows: list[tuple[str | None, str | None]]) -> None:
    mysql = ",".join(f"({mysql_literal(a)},{mysql_literal(b)})" for a, b in rows)
    assert read(f"{MYSQL}CREATE TABLE `valid` (`a` int, `b` int);\nINSERT INTO `valid` VALUES {mysql};\n") == rows
    inserts = "".join(
        f"INSERT INTO public.valid VALUES ({postgres_literal(a)}, {postgres_literal(b)});\n" for a, b in rows
    )
    assert read(f"{POSTGRES}CREATE TABLE public.valid (\n a integer,\n b text\n);\n{inserts}") == rows
    block = "".join(f"{copied(a)}\t{copied(b)}\n" for a, b in rows)
    assert read(f"{POSTGRES}COPY public.valid (a, b) FROM stdin;\n{block}\\.\n") == rows
    document = json.dumps({"valid": [{"a": a, "b": b} for a, b in rows]})
    assert read(document) == rows


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 9))
def test_it_makes_no_difference_where_the_pieces_end_that_are_read(rows: list[Any], size: int) -> None:
    values = ",".join(f"({mysql_literal(a)},_binary {mysql_literal(b)},0x4142,-1)" for a, b in rows)
    table = "CREATE TABLE `valid` (`a` int, `b` int, c text, d int);"
    text = f"{MYSQL}{table}\n/* x */ INSERT INTO `valid` VALUES {values};\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "CHUNK", 1)
        pieces = iter([text[at : at + size] for at in range(0, len(text), size)])
        found = [row for row in read_sql(pieces, {"valid": None}) if isinstance(row, DumpRow)]
    assert [tuple(row.values.values()) for row in found] == [(a, b, "AB", "-1") for a, b in rows]
    assert {row.line for row in found} == {3}


# Of what dumps are made, each the beginning of something that may never end.
STATEMENTS = """
INSERT INTO valid
INSERT INTO valid VALUES (
INSERT INTO valid (a) VALUES (1);
CREATE TABLE valid (a int,
COPY valid
COPY valid (a) FROM stdin;
PRIMARY KEY
PostgreSQL database dump
""".strip().splitlines()
SNIPPETS = r"""VALUES NULL _binary ' '' \' " ` $a$ x' 0x ( ) , ; \ \. -- /* */ # 1 1, a é { [""".split()  # noqa: SIM905
PIECES = [*STATEMENTS, *SNIPPETS]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40))
def test_any_bytes_are_rows_or_one_clear_error(parts: list[str]) -> None:
    data = " ".join(parts).encode("utf-8", "surrogatepass")
    try:
        dump = read_dump(BytesIO(data))
    except InputError as error:
        refused: InputError | None = error
    else:
        refused = None
        assert dump.rows or dump.unreadable
    assert refused is None or refused.code == "bad-document"


@pytest.mark.parametrize("piece", in_turns(PIECES, "linear", 12))
def test_the_work_is_linear_in_the_dump(piece: str) -> None:
    started = time.process_time()
    with suppress(InputError):
        read_dump(BytesIO((f"{piece}\n" * (200_000 // len(piece))).encode()))
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "text",
    [
        MYSQL + "INSERT INTO `valid` (`a`) VALUES (1),(2",
        MYSQL + "INSERT INTO `valid` (`a`) VALUES (1),",
        MYSQL + "INSERT INTO `valid` (`a`) VALUES ('abc",
        MYSQL + "INSERT INTO `valid` (`a",
        POSTGRES + "COPY public.valid (a) FROM stdin;\n1\n2",
        POSTGRES + "INSERT INTO valid (a) VALUES (1",
    ],
)
def test_a_dump_that_was_cut_off_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(InputError, match="ends in the middle"):
        read_dump(BytesIO(text.encode()))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "holds no rows of"),
        (b"-- MySQL dump\nINSERT INTO ticket VALUES (1);", "holds no rows of"),
        (b"{", "begins like JSON, but is none"),
        (b"[1]", "holds no rows of"),
        (b"[" + b" " * (64 * 1024 * 1024), "is JSON of more than 64 MB"),
    ],
)
def test_what_is_no_dump_is_refused_with_advice(data: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        read_dump(BytesIO(data))
    assert "docs/import-otrs.md" in str(refused.value)


def tar(data: bytes) -> bytes:
    """A tar archive with one file."""
    file = BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("desk.sql"), BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PGDMP\x01\x0e\x00", "custom format of pg_dump. Run: pg_restore"),
        (b"PK\x03\x04\x14\x00", "is a zip archive. Unpack it first"),
        (tar(b"INSERT"), "is a tar archive. Unpack it first"),
        (gzip.compress(tar(b"INSERT"), mtime=0), "is a tar archive. Unpack it first"),
        (b'<?xml version="1.0"?>\n<mysqldump>', "is XML. Make it without --xml"),
        ("-- MySQL dump".encode("utf-16"), "is in UTF-16, as PowerShell writes it. Make it with --result-file"),
    ],
)
def test_what_others_take_for_a_dump_is_refused_with_how_to_make_one(data: bytes, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        read_dump(BytesIO(data))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("INSERT INTO `valid` VALUES (1);", "does not name its columns"),
        ("INSERT INTO `valid` (`a`,`b`) VALUES (1);", "it has 1 values for 2 columns"),
        ("COPY valid (a) FROM stdin;\n1\t2\n\\.\n", "it has 2 values for 1 columns"),
    ],
)
def test_a_row_that_does_not_fit_its_columns_is_told_apart_from_the_others(statement: str, why: str) -> None:
    [flawed] = read_dump(BytesIO(f"INSERT INTO valid (a) VALUES (1);\n{statement}".encode())).unreadable
    assert (flawed.table, flawed.line) == ("valid", 2 + statement.startswith("COPY"))
    assert why in flawed.why


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("_binary 'x'", "x"),
        ("x'414243'", "ABC"),
        ("0x414243", "ABC"),
        ("-1", "-1"),
        ("NULL", None),
        ("current_timestamp", None),
        ("now(1, 'a')", None),
        ("'in (brackets), and more'", "in (brackets), and more"),
        ("'a''b'", "a'b"),
        ("TRUE", "1"),
    ],
)
def test_each_way_to_write_a_value_is_read(written: str, value: str | None) -> None:
    assert read(f"INSERT INTO `valid` (`a`, `b`) VALUES ({written}, 2);") == [(value, "2")]


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("--- Raw\n", "Raw"),
        ("--- 'it''s'\n", "it's"),
        ('--- "20"\n', "20"),
        ("20", "20"),
        ("--- ''\n", ""),
        ("---\n", ""),
        ("---\n- a\n- b\n", None),
        ("---\nModule: X\n", None),
        ("\\x2d2d2d204dc3bc6c6c0a", "Müll"),
        ("--- [a]\n", None),
        ("--- 'open\n", None),
    ],
)
def test_a_setting_is_one_value_or_none(document: str, value: str | None) -> None:
    assert scalar(document) == value
