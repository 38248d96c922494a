"""Settings that are lists, as rows of a form: what is sent, and one row more or less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import abort, request

from postmaster.resources.numbers import read_number
from postmaster.system.lists import join_entries, parts_of
from postmaster.system.setting import ListSetting

Row = tuple[str, ...]


def rows_of(spec: ListSetting[Any], value: str) -> Sequence[Row]:
    """The rows of a list, with an empty one if it has none."""
    return [parts_of(entry) for entry in spec.parse(value)] or [_blank(spec)]


def sent_rows(spec: ListSetting[Any]) -> Sequence[Row]:
    """The rows that were sent, also those that are empty."""
    columns = [request.form.getlist(f"row_{column.name}") for column in spec.columns]
    return [tuple(" ".join(part.split()) for part in parts) for parts in zip(*columns, strict=False)]


def sent_value(spec: ListSetting[Any]) -> str:
    """The list that was sent, as it is entered. Rows without a name are left out.

    A form has one row at least: without any, it came back mangled, and must not clear the list.
    """
    rows = sent_rows(spec)
    if not rows:
        abort(400)
    return join_entries(rows)


def changed_rows(spec: ListSetting[Any]) -> Sequence[Row]:
    """The rows that were sent, without the one that is to be removed, or else with one more."""
    rows = list(sent_rows(spec))
    number = read_number(request.form.get("remove", ""), 1, len(rows)) if rows else None
    if number is not None:
        del rows[number - 1]
        return rows or [_blank(spec)]
    return [*rows, _blank(spec)]


def _blank(spec: ListSetting[Any]) -> Row:
    return tuple("" for _ in spec.columns)
