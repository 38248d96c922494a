"""Check a message against filters (docs/glossary.md#postmaster-filters).

Whether a filter matches depends on the message alone, so it is found out before any transaction: an admin's pattern
must not hold up the database. A pattern that takes too long costs its time limit and no more.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import regex

from postmaster.desk.tickets import field_key
from postmaster.parsing.address_key import address_key
from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.filters.patterns import LAST, Condition, HeaderAssignment
from postmaster.pipeline.filters.pseudo_headers import pseudo_value
from postmaster.pipeline.verdict import SenderVerdict
from postmaster.pipeline.x_otrs_headers import DYNAMIC_FIELD, PREFIX, Control, as_otrs, own_controls

# Seconds of computing that one filter may take for a message, and that all of them may take together. Time in which
# other threads or programs compute does not count: what a filter does must not depend on what else is going on.
FILTER_SECONDS = 0.25
MESSAGE_SECONDS = 2.0

# By which name a value gets the address that EMAILADDRESS: has matched, as in Znuny: [** \email **].
ADDRESS_NAME = "email"

# What a filter sets that has the ticket found by a dynamic field.
DYNAMIC_PREFIX = PREFIX + DYNAMIC_FIELD.removesuffix("NAME")

# Characters of what is captured, and of what a trace shows of it.
MAX_CAPTURE = 1000

_PLACE = re.compile(r"\[\*\*\*\]|\[\*\*\s*\\\s*(\w+)\s*\*\*\]")


@dataclass(frozen=True, slots=True)
class CompiledFilter:
    """A filter, ready to be used. ``account_ids`` are those that it is for; None means all, and the pipe.

    ``flaw`` says why it cannot be used: it was stored before that was looked at. Then it has no conditions.
    ``followup_field`` is the dynamic field that gets what is captured last, and by which the ticket is found.
    """

    id: int
    name: str
    stop: bool
    conditions: tuple[Condition, ...]
    settings: tuple[HeaderAssignment, ...]
    account_ids: frozenset[int] | None = None
    flaw: str = ""
    followup_field: str = ""

    def is_for(self, account_id: int | None) -> bool:
        """Whether it is for mail of that account; None is the pipe."""
        return self.account_ids is None or account_id in self.account_ids


@dataclass(slots=True)
class Tried:
    """How a condition went. ``values`` are what it was tried on: none if the header is absent. ``found``: where."""

    condition: Condition
    values: Sequence[str]
    matched: bool = False
    found: str = ""
    captured: str = ""
    named: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Trial:
    """How a filter went. ``slow``: it took too long and was skipped. ``sets`` are the headers that it sets."""

    filter: CompiledFilter
    tried: list[Tried] = field(default_factory=list)
    matched: bool = False
    slow: bool = False
    sets: list[Control] = field(default_factory=list)

    @property
    def captured(self) -> str:
        """What the last condition captured that did."""
        return next((tried.captured for tried in reversed(self.tried) if tried.captured), "")

    @property
    def field_key(self) -> str:
        """The dynamic field with its value by which the ticket is found; empty if it is not."""
        wanted = self.matched and self.filter.followup_field
        return field_key(self.filter.followup_field, self.captured) if wanted else ""


@dataclass(slots=True)
class Filtered:
    """What came of all filters: the headers that count now, and the filters that matched or were skipped."""

    controls: dict[str, Control]
    trials: list[Trial] = field(default_factory=list)

    @property
    def field_keys(self) -> tuple[str, ...]:
        """The dynamic fields with their values by which filters have the ticket found."""
        return tuple(dict.fromkeys(trial.field_key for trial in self.trials if trial.field_key))


class MailView:
    """A message as conditions see it. Its own X-OTRS headers are there only if the account is trusted."""

    def __init__(self, message: ParsedMessage, *, trusted: bool, verdict: SenderVerdict) -> None:
        self.message = message
        self.verdict = verdict
        self.controls = own_controls(message.headers) if trusted else {}
        self._addresses: dict[tuple[str, int | None], Sequence[str]] = {}

    def tested(self, condition: Condition) -> Sequence[str]:
        """What ``condition`` is tried on: the values of its header, or the bare addresses in them."""
        if not condition.whole_address:
            return _chosen(condition, self.values(condition.header))
        name = as_otrs(condition.header).lower()
        if name.startswith(PREFIX.lower()):  # filters may set it meanwhile
            return _bare_addresses(self.values(name))
        place = name, condition.occurrence
        if place not in self._addresses:  # a header of a megabyte is read once, whatever filters there are
            self._addresses[place] = _bare_addresses(_chosen(condition, self.values(name)))
        return self._addresses[place]

    def values(self, name: str) -> Sequence[str]:
        """The values of a header, named case-insensitively, or of a pseudo-header."""
        key = as_otrs(name).lower()
        if (value := pseudo_value(key, self.message, self.verdict)) is not None:
            return (value,)
        if key.startswith(PREFIX.lower()):
            return (self.controls[key].value,) if key in self.controls else ()
        return self.message.header_values(name)


def _chosen(condition: Condition, values: Sequence[str]) -> Sequence[str]:
    """The occurrence that ``condition`` names, the topmost being the first; all of them if it names none."""
    if condition.occurrence is None:
        return values
    start = condition.occurrence
    return values[start:] if start == LAST else values[start : start + 1]


def _bare_addresses(values: Sequence[str]) -> Sequence[str]:
    """Each address as it was written, and as it is compared where that is another spelling."""
    written = [found.address for value in values for found in parse_addresses(value) if found.address]
    keys = ((address, address_key(address)) for address in written)
    return [each for address, key in keys for each in ((address,) if address.lower() == key else (address, key))]


def run_filters(filters: Sequence[CompiledFilter], view: MailView, *, account_id: int | None) -> Filtered:
    """Hold a message against ``filters``, which are in their order. A later one sees what earlier ones set."""
    filtered = Filtered(view.controls)
    ends = time.thread_time() + MESSAGE_SECONDS
    for each in filters:
        if not each.is_for(account_id):
            continue
        trial = try_filter(each, view, seconds=min(FILTER_SECONDS, ends - time.thread_time()))
        if trial.matched or trial.slow or each.flaw:
            filtered.trials.append(trial)
        if trial.matched:
            view.controls.update((control.name.lower(), control) for control in trial.sets)
        if trial.matched and each.stop:
            break
    return filtered


def try_filter(
    each: CompiledFilter, view: MailView, *, seconds: float = FILTER_SECONDS, thorough: bool = False
) -> Trial:
    """Hold a message against one filter; ``thorough`` tries all conditions, even after one that does not match."""
    trial = Trial(each)
    ends = time.thread_time() + seconds
    try:
        for condition in each.conditions:
            began = time.thread_time()
            values = view.tested(condition)
            ends += time.thread_time() - began  # mostly kept for the others: none is slow because of it
            trial.tried.append(_try(condition, values, ends))
            if not (trial.tried[-1].matched or thorough):
                return trial
    except TimeoutError:
        trial.slow = True
        return trial
    trial.matched = bool(trial.tried) and all(tried.matched for tried in trial.tried)
    trial.sets = _sets(trial) if trial.matched else []
    return trial


def _try(condition: Condition, values: Sequence[str], ends: float) -> Tried:
    """A header that is absent counts as an empty one, as in OTRS, Znuny and OTOBO."""
    tried = Tried(condition, values)
    for value in values or ("",):
        found = _search(condition, value, ends)
        if found:
            tried.found = _short(found[0])
            tried.matched = not condition.negate
            if tried.matched:
                _capture(tried, found)
            return tried
    tried.matched = condition.negate
    return tried


def _search(condition: Condition, value: str, ends: float) -> regex.Match[str] | None:
    """Raises TimeoutError when this thread has computed until ``ends``.

    The library counts what all threads of the process compute, so it may give up too early: then it is tried again.
    """
    method = condition.pattern.fullmatch if condition.whole_address else condition.pattern.search
    while (left := ends - time.thread_time()) > 0:
        try:
            return method(value, timeout=left)
        except TimeoutError:
            continue
    raise TimeoutError


def _capture(tried: Tried, found: regex.Match[str]) -> None:
    if found.re.groups:
        tried.captured = _short(found[1])
    elif tried.condition.whole_address:
        tried.captured = _short(found[0])
    tried.named = {name: _short(text) for name, text in found.groupdict().items()}
    if tried.condition.whole_address:
        tried.named.setdefault(ADDRESS_NAME, _short(found[0]))


def _short(text: str | None) -> str:
    return " ".join((text or "")[:MAX_CAPTURE].split())


def _sets(trial: Trial) -> list[Control]:
    """The headers that a filter sets, with what its conditions captured put in its place."""
    last = trial.captured
    names: dict[str, str] = {}
    for tried in trial.tried:
        names |= tried.named

    def fill(place: re.Match[str]) -> str:
        return names.get(place[1], "") if place[1] else last

    source = f"the filter “{trial.filter.name}”"
    sets = [Control(each.header, _PLACE.sub(fill, each.value), source) for each in trial.filter.settings]
    if last and trial.filter.followup_field:
        sets.append(Control(f"{DYNAMIC_PREFIX}{trial.filter.followup_field}", last, source))
    return sets
