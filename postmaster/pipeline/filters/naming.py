"""What filters name: queues, states and whatever else headers can set, and what becomes of them when that goes away."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.desk.addresses import ADDRESS_USERS
from postmaster.desk.configuration import LIST_USERS
from postmaster.desk.models import Queue, SystemAddress
from postmaster.desk.queues import QUEUE_USERS
from postmaster.extensions import now
from postmaster.pipeline.choices import LISTED, Choices, QueueRef
from postmaster.pipeline.context import read_choices
from postmaster.pipeline.filters.matching import DYNAMIC_PREFIX
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.patterns import EMAIL_ADDRESS, HeaderAssignment, setting
from postmaster.pipeline.x_otrs_headers import FOLLOWUP_PREFIX, Control, HeaderValues, parse_headers
from postmaster.resources.models import Validity
from postmaster.resources.readers import InvalidValue
from postmaster.resources.uses import Use
from postmaster.system.setting import Setting
from postmaster.system.settings import read_configuration

# What of the choices each list is.
_FIELDS = {spec.name: field for field, spec in LISTED.items()}


def present_choices(session: Session) -> Choices:
    """What headers can name as things stand. Moments do not matter here."""
    return read_choices(session, read_configuration(session), now(), ZoneInfo("UTC"))


def filter_flaws(record: PostmasterFilter, choices: Choices) -> Iterator[tuple[Control, InvalidValue]]:
    """The headers that ``record`` sets whose values ``choices`` do not have, and that hold nothing that is captured."""
    for each in _assignments(record):
        yield from _read(each, record.name, choices).flaws


def _assignments(record: PostmasterFilter) -> Iterator[HeaderAssignment]:
    """What ``record`` sets, as far as it can be read: it may have been stored before that was looked at."""
    for text in record.sets:
        with suppress(InvalidValue):
            yield setting(text)
    if record.followup_field:  # any value will do: only the name may be wrong
        yield HeaderAssignment(f"{DYNAMIC_PREFIX}{record.followup_field}", "1")


def _read(each: HeaderAssignment, name: str, choices: Choices) -> HeaderValues:
    """What setting that header comes to; nothing if that depends on the message."""
    if "[**" in each.value:
        return HeaderValues()
    controls = {each.header.lower(): Control(each.header, each.value, name)}
    return parse_headers(controls, choices, followup=each.header.startswith(FOLLOWUP_PREFIX))


def use_of_filter(record: PostmasterFilter) -> Use:
    """``record`` as one that names something by its name."""
    valid = record.validity is Validity.VALID
    return Use("filter", f"filter “{record.name}”", record.id, by_name=True, keeps=not valid)


def _losing(session: Session, before: Choices, after: Choices) -> Iterator[Use]:
    """The filters that would mean something else, or nothing, if ``after`` were the choices."""
    for record in _filters(session):
        for each in _assignments(record):
            old = _read(each, record.name, before)
            if old.values and old.values != _read(each, record.name, after).values:
                yield use_of_filter(record)
                break


def _filters(session: Session) -> Iterable[PostmasterFilter]:
    return session.scalars(select(PostmasterFilter).order_by(PostmasterFilter.name)).unique()


def _into(session: Session, queue: Queue) -> Iterator[Use]:
    """The filters that send mail into ``queue``."""
    before = present_choices(session)
    there = QueueRef(queue.id, queue.name, queue.followup_policy, queue.customer_of_forward)
    others: Sequence[QueueRef] = [each for each in before.queues if each.id != queue.id]
    before = dataclasses.replace(before, queues=[*others, there])  # also if it is not valid at the moment
    yield from _losing(session, before, dataclasses.replace(before, queues=others))


def _listed(session: Session, spec: Setting[Any], value: Any) -> Iterator[Use]:
    """The valid filters that name an entry which the list ``spec`` would not have any more."""
    if attribute := _FIELDS.get(spec.name):
        before = present_choices(session)
        after: Choices = dataclasses.replace(before, **{attribute: value})
        yield from (use for use in _losing(session, before, after) if not use.keeps)


def _looking_for(session: Session, address: SystemAddress) -> Iterator[Use]:
    """The filters with a condition for mail to ``address``."""
    wanted = f"{EMAIL_ADDRESS}{address.address}".lower()
    for record in _filters(session):
        lines = (line.partition("=")[2].replace(" ", "").lower() for line in (*record.match, *record.not_match))
        if any(line == wanted for line in lines):
            yield use_of_filter(record)


QUEUE_USERS.append(_into)
ADDRESS_USERS.append(_looking_for)
LIST_USERS.append(_listed)
