"""Queues and system addresses of a dump."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from postmaster.desk.addresses import AddressService
from postmaster.desk.models import FollowUpPolicy
from postmaster.desk.queues import NUMBER, QueueService
from postmaster.otrs.names import Names
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.upsert import Result, Upserter
from postmaster.resources.fields import VALIDITY
from postmaster.resources.models import Validity

# What queues have there and not here: columns, what they are called, and what is so instead.
_QUEUE_COLUMNS = (
    (("first_response_time", "update_time", "solution_time"), "escalation times", "nothing escalates here"),
    (("unlock_timeout",), "unlock timeout", "a ticket here stays locked until somebody unlocks it"),
    (("follow_up_lock",), "lock after a follow-up", "let a filter set X-OTRS-FollowUp-Lock"),
    (("default_sign_key",), "signing key", "no mail is sent here"),
)


# What a queue has if its own value is refused: its ID is that of another one, or it is the default queue.
_INSTEAD = {NUMBER.name: "", VALIDITY.name: Validity.VALID.value}


class QueueTaker:
    """Takes queues. One that is not valid becomes so only after another one is the default, as the settings say."""

    def __init__(self, session: Session, names: Names, actor: str) -> None:
        self._names = names
        self._bringer = Upserter(QueueService(session, actor))

    def take(self, row: DumpRow) -> Result:
        """Take one, as far as ``_INSTEAD`` goes, whatever else is here. Raises InputError or InvalidFieldsError."""
        policy = self._names.policy(row)
        item = {
            "name": row.get("name"),
            "follow_up": policy or FollowUpPolicy.POSSIBLE.value,
            "number": row.get("id"),
            "validity": self._names.validity(row),
            "comment": row.comment(),
        }
        return self._bringer.bring(item, _INSTEAD).adding(*_lacks(row, policy))


def _lacks(row: DumpRow, policy: str) -> Iterator[str]:
    if not policy:
        number = row.get("follow_up_id")
        yield f"Its follow-up policy {number} is none that is known here: follow-ups to its tickets are possible."
    for columns, noun, instead in _QUEUE_COLUMNS:
        if any(row.get(column) not in ("", "0") for column in columns):
            yield f"It loses its {noun}: {instead}."


class AddressTaker:
    """Takes system addresses."""

    def __init__(self, session: Session, names: Names, actor: str) -> None:
        self._names = names
        self._bringer = Upserter(AddressService(session, actor))

    def take(self, row: DumpRow) -> Result:
        """Take one. Raises InputError or InvalidFieldsError."""
        item = {
            "address": row.get("value0"),
            "name": row.get("value1").strip() or row.get("value0"),
            "queue": self._names.queue(row.get("queue_id")),
            "validity": self._names.validity(row),
            "comment": row.comment(),
        }
        return self._bringer.bring(item)
