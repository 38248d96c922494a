"""What X-OTRS headers can name, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from postmaster.desk.models import FollowUpPolicy, ForwardCustomer
from postmaster.pipeline.pending_time import absolute_moment, pending_until
from postmaster.resources.readers import InvalidValue, line, one_of, whole_number
from postmaster.system.list_settings import (
    ARTICLE_FIELD_LIST,
    DYNAMIC_FIELD_LIST,
    OWNER_LIST,
    PRIORITY_LIST,
    RESPONSIBLE_LIST,
    SERVICE_LIST,
    SLA_LIST,
    STATE_LIST,
    TYPE_LIST,
)
from postmaster.system.lists import Entry, State, name_of, named, numbered
from postmaster.system.setting import ListSetting

# Characters of a title.
MAX_TITLE = 1000


@dataclass(frozen=True, slots=True)
class QueueRef:
    """A queue, as far as decisions need it. ``number`` is what X-OTRS-QueueID calls it."""

    id: int
    name: str
    policy: FollowUpPolicy = FollowUpPolicy.POSSIBLE
    customer_of_forward: ForwardCustomer = ForwardCustomer.FORWARDER
    number: int | None = None


@dataclass(frozen=True)
class Choices:
    """What headers can name, and the moment and the place that times are meant in. ``queues`` are the valid ones."""

    queues: Sequence[QueueRef]
    states: tuple[State, ...]
    priorities: tuple[Entry, ...]
    types: tuple[Entry, ...]
    services: tuple[Entry, ...]
    slas: tuple[Entry, ...]
    owners: tuple[Entry, ...]
    responsibles: tuple[Entry, ...]
    dynamic_fields: tuple[str, ...]
    article_fields: tuple[str, ...]
    moment: datetime
    time_zone: ZoneInfo


# The settings that list what headers can name, by the fields of ``Choices``: without one of them there are no choices.
LISTED: Mapping[str, ListSetting[Any]] = {
    "states": STATE_LIST,
    "priorities": PRIORITY_LIST,
    "types": TYPE_LIST,
    "services": SERVICE_LIST,
    "slas": SLA_LIST,
    "owners": OWNER_LIST,
    "responsibles": RESPONSIBLE_LIST,
    "dynamic_fields": DYNAMIC_FIELD_LIST,
    "article_fields": ARTICLE_FIELD_LIST,
}

Reader = Callable[[str, Choices], Any]


def read_text(limit: int) -> Reader:
    read = line(limit)
    return lambda text, _choices: read(" ".join(text.split()))


def read_title(text: str, _choices: Choices) -> str:
    return " ".join(text.split())[:MAX_TITLE]


def word(read: Callable[[str], Any]) -> Reader:
    return lambda text, _choices: read(text)


def read_yes(text: str) -> bool:
    return one_of("yes", "true", "1", "no", "false", "0")(text) in ("yes", "true", "1")


def entry_of(noun: str, entries: Callable[[Choices], Sequence[Entry | State]]) -> Reader:
    """A reader of the name of one of ``entries``."""

    def read(text: str, choices: Choices) -> str:
        entry = named(entries(choices), text)
        if entry is None:
            raise InvalidValue(f"is “{text}”, which is no {noun}")
        return name_of(entry)

    return read


def id_of(noun: str, entries: Callable[[Choices], Sequence[Entry | State]]) -> Reader:
    """A reader of the ID of one of ``entries``."""

    def read(text: str, choices: Choices) -> str:
        entry = numbered(entries(choices), _number(text))
        if entry is None:
            raise InvalidValue(f"is “{text}”, which is the ID of no {noun}")
        return name_of(entry)

    return read


def _number(text: str) -> int:
    return whole_number(1, 10**11)(text)


def read_queue(text: str, choices: Choices) -> QueueRef:
    same = [queue for queue in choices.queues if queue.name.casefold() == text.casefold()]
    if not same:
        raise InvalidValue(f"is “{text}”, which is not a valid queue")
    return next((queue for queue in same if queue.name == text), same[0])


def read_queue_id(text: str, choices: Choices) -> QueueRef:
    number = _number(text)
    queue = next((queue for queue in choices.queues if queue.number == number), None)
    if queue is None:
        raise InvalidValue(f"is “{text}”, which is the ID of no valid queue")
    return queue


def read_moment(text: str, choices: Choices) -> datetime:
    return pending_until(text, choices.moment, choices.time_zone)


def read_date(text: str, choices: Choices) -> str:
    """A date, as it was written."""
    try:
        absolute_moment(text, choices.time_zone)
    except (ValueError, OverflowError):
        raise InvalidValue(f"is “{text}”, which is not a date", "Enter YYYY-MM-DD hh:mm:ss.") from None
    return text


def states(choices: Choices) -> Sequence[State]:
    return choices.states


def priorities(choices: Choices) -> Sequence[Entry]:
    return choices.priorities


def types(choices: Choices) -> Sequence[Entry]:
    return choices.types


def services(choices: Choices) -> Sequence[Entry]:
    return choices.services


def slas(choices: Choices) -> Sequence[Entry]:
    return choices.slas


def owners(choices: Choices) -> Sequence[Entry]:
    return choices.owners


def responsibles(choices: Choices) -> Sequence[Entry]:
    return choices.responsibles
