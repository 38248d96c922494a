"""Filters that the system configuration of a dump holds: modules of the other system that do what filters do here.

Which module a setting calls is said by its value, so it counts whatever the setting is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from postmaster.otrs.documents import read_document
from postmaster.otrs.filters import FilterTaker
from postmaster.otrs.names import refuse
from postmaster.otrs.report import Taken
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.upsert import Result
from postmaster.resources.models import Validity
from postmaster.system.lists import StateKind

_SETTING = re.compile(r"PostMaster::PreFilterModule###(.+)", re.IGNORECASE)

# Keys of a setting for ExternalTicketNumberRecognition that a filter can say; the others are in the report.
_KNOWN_KEYS = {
    "Module",
    "Name",
    "FromAddressRegExp",
    "NumberRegExp",
    "SearchInSubject",
    "SearchInBody",
    "TicketStateTypes",
    "DynamicFieldName",
    "SenderType",
    "IsVisibleForCustomer",
    "ArticleType",
}
_OPEN_KINDS = frozenset(kind.value for kind in StateKind if not kind.is_closed)

# Types of articles before OTRS 6 that customers do not see.
_INTERNAL = re.compile(r".*-internal|note-report", re.IGNORECASE)

_ALL_OPEN = "here each ticket counts that is not closed, by whatever state"


@dataclass(frozen=True)
class ModuleFilter:
    """A filter, by the fields that it has here; ``lacks`` are what it cannot say."""

    item: Mapping[str, str]
    lacks: Sequence[str] = ()


@dataclass
class _Lines:
    """What a filter is made of, line by line."""

    match: list[str] = field(default_factory=list)
    not_match: list[str] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)

    def item(self, name: str, config: Mapping[str, Any], **more: str) -> dict[str, str]:
        """The fields of the filter."""
        lines = {"match": self.match, "not_match": self.not_match, "set": self.sets}
        texts = {kind: "\n".join(" ".join(line.splitlines()) for line in found) for kind, found in lines.items()}
        fixed = {"stop": "no", "validity": Validity.VALID.value}
        return {"name": name, "comment": _text(config, "Name"), **fixed, **texts, **more}


class ModuleFilterTaker:
    """Takes settings that are filters here."""

    def __init__(self, filters: FilterTaker) -> None:
        self._filters = filters

    def take(self, row: DumpRow) -> Result | None:
        """Take one; None if it is no such setting. Raises InputError or InvalidFieldsError."""
        if not is_module_filter(row):
            return None
        found = module_filters(row)
        if not found:
            return Result(Taken.PASSED_OVER, "It searches neither subject nor body, so it finds nothing.")
        if _is_off(row):
            return self._switch_off([each.item["name"] for each in found])
        results = [self._filters.bring(each.item).adding(*each.lacks) for each in found]
        taken = next((each.taken for each in results if each.taken is not Taken.UNCHANGED), Taken.UNCHANGED)
        names = " and ".join(f"“{each.item['name']}”" for each in found)
        said = dict.fromkeys(filter(None, (each.detail for each in results)))
        detail = " ".join((f"It is the filter {names} here.", *said))
        return Result(taken, detail, by_hand=any(each.by_hand for each in results))

    def _switch_off(self, names: Sequence[str]) -> Result:
        """What is switched off there stops here as well, if an earlier import brought it."""
        results = [each for each in map(self._filters.switch_off, names) if each]
        return results[0] if results else Result(Taken.PASSED_OVER, "It is switched off there.")


def is_module_filter(row: DumpRow) -> bool:
    """Whether a setting calls a module that does what a filter does here."""
    return _SETTING.fullmatch(row.get("name")) is not None and _module(_config(row)) in _READERS


def module_filters(row: DumpRow) -> list[ModuleFilter]:
    """The filters that a setting stands for. Raises InputError if it lacks what they need."""
    config, name = _config(row), _SETTING.fullmatch(row.get("name"))
    return [*_READERS[_module(config)](name[1] if name else "", config)]


def is_active(row: DumpRow) -> bool:
    """Whether a setting calls such a module, and is switched on."""
    return is_module_filter(row) and not _is_off(row)


def _is_off(row: DumpRow) -> bool:
    return row.get("is_valid") == "0" or row.get("reset_to_default") == "1"


def _config(row: DumpRow) -> Mapping[str, Any]:
    document = read_document(row.get("effective_value"))
    return document if isinstance(document, dict) else {}


def _module(config: Mapping[str, Any]) -> str:
    return str(config.get("Module", "")).rpartition("::")[2]


def _text(config: Mapping[str, Any], key: str) -> str:
    value = config.get(key)
    return value.strip() if isinstance(value, str) and value not in ("~", "null") else ""


def _recognition(name: str, config: Mapping[str, Any]) -> Iterator[ModuleFilter]:
    """ExternalTicketNumberRecognition: a number in the body counts before one in the subject."""
    for key in ("NumberRegExp", "DynamicFieldName"):
        if not _text(config, key):
            raise refuse(key, "is empty", "Without it the module did nothing there.", "bad-setting")
    number = f"(?m-i:{_text(config, 'NumberRegExp')})"  # its letters count as they are, line by line
    in_body, in_subject = (_text(config, key) not in ("", "0") for key in ("SearchInBody", "SearchInSubject"))
    sender, sets = _text(config, "FromAddressRegExp"), _article_headers(config)
    start = [f"From={sender}"] if sender else []
    more, lacks = {"follow_up_field": _text(config, "DynamicFieldName")}, [*_unsaid(config)]
    both = in_body and in_subject
    if in_body:
        lines = _Lines([*start, f"Body={number}"], sets=sets)
        yield ModuleFilter(lines.item(f"{name} body" if both else name, config, **more), lacks)
    if in_subject:
        lines = _Lines([*start, f"Subject={number}"], [f"Body={number}"] if both else [], sets)
        yield ModuleFilter(lines.item(f"{name} subject" if both else name, config, **more), lacks)


def _article_headers(config: Mapping[str, Any]) -> list[str]:
    """Who the article is from and who sees it, of a new ticket and of a follow-up."""
    visible, old_type = _text(config, "IsVisibleForCustomer"), _text(config, "ArticleType")
    if not visible and old_type:
        visible = "0" if _INTERNAL.fullmatch(old_type) else "1"
    given = {"SenderType": _text(config, "SenderType"), "IsVisibleForCustomer": visible}
    return [f"X-OTRS-{late}{key}={value}" for key, value in given.items() if value for late in ("", "FollowUp-")]


def _unsaid(config: Mapping[str, Any]) -> Iterator[str]:
    """The keys that a filter cannot say, and what holds instead."""
    kinds = {kind.strip() for kind in re.split(r";|\s+(?!reminder|auto)", _text(config, "TicketStateTypes"))} - {""}
    if not kinds or kinds - _OPEN_KINDS:
        closed = ", ".join(sorted(kinds - _OPEN_KINDS)) or "empty"
        yield f"TicketStateTypes ({closed}) found closed tickets as well: {_ALL_OPEN}, or else a new one is opened."
    elif missing := _OPEN_KINDS - kinds:
        yield f"TicketStateTypes left {', '.join(sorted(missing))} out: {_ALL_OPEN}."
    if unknown := sorted(str(key) for key in config if key not in _KNOWN_KEYS):
        yield f"{', '.join(unknown)}: nothing is known of that here."


def _match(name: str, config: Mapping[str, Any]) -> Iterator[ModuleFilter]:
    """Match: a filter of the interface, in a setting. Where that says to stop, no other module heeds it."""
    pairs = {kind: [*_pairs(config.get(kind))] for kind in ("Match", "Set")}
    if not pairs["Match"]:
        raise refuse("Match", "has no condition", "Without one the module did nothing there.", "bad-setting")
    match, sets = ([f"{key}={value}" for key, value in found] for found in pairs.values())
    yield ModuleFilter(_Lines(match, sets=sets).item(name, config))


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    """What is entered as an object, or as a list of objects with Key and Value."""
    if isinstance(value, dict):
        yield from ((str(key), str(each)) for key, each in sorted(value.items()))
    elif isinstance(value, list):
        yield from ((str(each.get("Key", "")), str(each.get("Value", ""))) for each in value if isinstance(each, dict))


_READERS: Mapping[str, Callable[[str, Mapping[str, Any]], Iterator[ModuleFilter]]] = {
    "ExternalTicketNumberRecognition": _recognition,
    "Match": _match,
}
