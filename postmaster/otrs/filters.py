"""Postmaster filters of a dump, which has a row for each condition and each header to set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy.orm import Session

from postmaster.otrs.dump import Dump
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.upsert import Result, Upserter
from postmaster.pipeline.filters.patterns import setting
from postmaster.pipeline.filters.service import FilterService
from postmaster.resources.models import Validity
from postmaster.resources.readers import InvalidValue


def filters_of(dump: Dump) -> Iterator[DumpRow]:
    """A row for each filter, with the fields that a filter has here; its line is that of the first."""
    rows: dict[str, list[DumpRow]] = {}
    for row in dump.of("postmaster_filter"):
        rows.setdefault(row.get("f_name"), []).append(row)
    for name, parts in rows.items():
        yield DumpRow("postmaster_filter", parts[0].line, {"name": name, **_fields(parts)})


def _fields(parts: list[DumpRow]) -> dict[str, str]:
    lines: dict[str, list[str]] = {"match": [], "not_match": [], "set": []}
    for part in parts:
        kind = part.get("f_type").lower()
        if kind == "match" and part.get("f_not") not in ("", "0"):
            kind = "not_match"
        lines.setdefault(kind, []).append(" ".join(f"{part.get('f_key')}={part.get('f_value')}".splitlines()))
    stops = any(part.get("f_stop") not in ("", "0") for part in parts)
    return {"stop": "yes" if stops else "no", **{kind: "\n".join(found) for kind, found in lines.items()}}


class FilterTaker:
    """Takes postmaster filters."""

    def __init__(self, session: Session, actor: str) -> None:
        self._filters = FilterService(session, actor)
        self._bringer = Upserter(self._filters)

    def take(self, row: DumpRow) -> Result:
        """Take one. Raises InvalidFieldsError, which names the position in a pattern that does not compile."""
        return self.bring({name: row.get(name) for name in ("name", "stop", "match", "not_match", "set")})

    def bring(self, fields: Mapping[str, str]) -> Result:
        """Take a filter with these fields. Raises InvalidFieldsError."""
        usable, dropped = _usable(fields["set"])
        result = self._bringer.bring({**fields, "set": usable})
        return result.adding(*self._bringer.notes(), *(f"It no longer {flaw.flaw}." for flaw in dropped))

    def switch_off(self, name: str) -> Result | None:
        """Set the filter of that name invalid; None if there is none. Raises InvalidFieldsError."""
        if self._filters.named(name) is None:
            return None
        return self._bringer.bring({"name": name, "validity": Validity.INVALID.value})


def _usable(lines: str) -> tuple[str, list[InvalidValue]]:
    """The headers to set that there are here, and what is wrong with the others: without them, the filter still is."""
    usable: list[str] = []
    flaws: list[InvalidValue] = []
    for line in lines.splitlines():
        try:
            setting(line)
            usable.append(line)
        except InvalidValue as flaw:
            flaws.append(flaw)
    return "\n".join(usable), flaws
