"""The form of a filter: conditions and headers to set as rows, which are lines of text to the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from postmaster.errors import NotFoundError
from postmaster.ledger.filter_trial import suggested_conditions
from postmaster.pipeline.filters.pseudo_headers import PSEUDO_HEADERS
from postmaster.pipeline.filters.service import ACCOUNT, FOLLOWUP_FIELD, MATCH, NOT_MATCH, SET
from postmaster.pipeline.x_otrs_headers import HEADERS
from postmaster.web.asked import asked_id
from postmaster.web.field_forms import FieldForm, field_form

# What a condition asks for, as its row says it.
HOWS = {MATCH.name: "is found", NOT_MATCH.name: "is not found"}

# Suggestions; any header may be entered.
USUAL_HEADERS = (
    "From",
    "To",
    "Cc",
    "Subject",
    "Reply-To",
    "List-Id",
    "X-Spam-Flag",
    *PSEUDO_HEADERS,
)
SETTABLE = tuple(
    dict.fromkeys(name for late in (False, True) for header in HEADERS for name in header.names(followup=late))
)

LINES = (MATCH, NOT_MATCH, SET, ACCOUNT)


@dataclass(frozen=True)
class FilterRow:
    """A row of the form: the header, what is said of it, and for conditions, how."""

    header: str
    text: str
    how: str = ""


class FilterForm(FieldForm):
    """The form of the filter with the id ``number``, or of a new one. ``blanks`` are the empty rows of each kind."""

    apart = (*LINES, FOLLOWUP_FIELD)
    number: int | None = None
    accounts: Sequence[str] = ()
    blanks: Mapping[str, int]

    @property
    def followup(self) -> Any:
        """What finds the ticket by what the conditions capture: it stands behind them."""
        return next(part for part in self.parts if part[0] == FOLLOWUP_FIELD)

    @property
    def conditions(self) -> list[FilterRow]:
        """The rows of conditions."""
        filled = [_row(line, how) for how in HOWS for line in self._lines(how)]
        return [*filled, *_blanks(self.blanks["condition"] or not filled, MATCH.name)]

    @property
    def settings(self) -> list[FilterRow]:
        """The rows of headers to set."""
        filled = [_row(line) for line in self._lines(SET.name)]
        return [*filled, *_blanks(self.blanks["setting"] or not filled)]

    @property
    def chosen(self) -> list[str]:
        """The accounts that are ticked."""
        return self._lines(ACCOUNT.name)

    @property
    def choices(self) -> list[str]:
        """The accounts that there are, with what is ticked."""
        return list(dict.fromkeys([*self.accounts, *self.chosen]))

    def _lines(self, name: str) -> list[str]:
        return [line for line in str(self[name].data or "").splitlines() if line.strip()]


def _row(line: str, how: str = "") -> FilterRow:
    header, _, text = line.partition("=")
    return FilterRow(header.strip(), text.strip(), how)


def _blanks(count: int, how: str = "") -> list[FilterRow]:
    return [FilterRow("", "", how)] * count


def filter_form(service: Any, helps: Mapping[str, str], record: Any = None) -> FilterForm:
    """The form for a filter, or for a new one."""
    options = {"formdata": _as_lines()} if request.method == "POST" else {}
    form = field_form(FilterForm, service, helps, record, service.fields, **options)
    picked = asked_id("recent") if record is None and request.method != "POST" else None
    if picked is not None:
        with suppress(NotFoundError):  # the form says so by itself when it is tried
            form[MATCH.name].data = "\n".join(suggested_conditions(service.session, picked))
    form.number, form.accounts = record.id if record else None, service.account_names()
    form.blanks = {kind: sum(not (row.header or row.text) for row in _rows(kind)) for kind in ("condition", "setting")}
    return form


def _as_lines() -> MultiDict[str, str]:
    """What was sent, with the rows as lines."""
    sent: MultiDict[str, str] = MultiDict(request.form)
    for how in HOWS:
        sent[how] = "\n".join(_joined(row) for row in _sent_conditions() if row.how == how)
    sent[SET.name] = "\n".join(_joined(row) for row in _rows("setting") if row.header or row.text)
    sent[ACCOUNT.name] = "\n".join(request.form.getlist("account"))
    return sent


def _sent_conditions() -> Iterable[FilterRow]:
    hows = request.form.getlist("condition_how")
    for row, how in zip(_rows("condition"), hows, strict=False):
        if row.header or row.text:
            yield FilterRow(row.header, row.text, how)


def _rows(kind: str) -> list[FilterRow]:
    names = (request.form.getlist(f"{kind}_{part}") for part in ("header", "text"))
    return [FilterRow(*(" ".join(text.splitlines()).strip() for text in pair)) for pair in zip(*names, strict=False)]


def _joined(row: FilterRow) -> str:
    return f"{row.header}={row.text}"
