"""The same done to many records by one press, and taken back by another.

What was done is known from the audit log: events of one press share a batch, and say what was there before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.database import read_session, transaction
from postmaster.errors import InputError, PostMasterError
from postmaster.extensions import Json
from postmaster.resources.audit import events_in
from postmaster.resources.fields import typed
from postmaster.resources.models import AuditEvent
from postmaster.resources.named_service import printable
from postmaster.resources.service import ConflictError, Service

# Records that one press changes: as many as a request has time for.
MAX_BULK = 500

# Of these, how many one transaction changes.
PIECE = 50

ItemT = TypeVar("ItemT")

AnyService = Service[Any]
MakeService = Callable[[Session], AnyService]

# Does something to a record; returns whether that changed anything. Raises PostMasterError if it is refused.
Act = Callable[[AnyService, Any], bool]

# Takes back what an event tells of; returns and raises likewise.
TakeBack = Callable[[AnyService, Any, Json], bool]


@dataclass
class BulkResult:
    """How many records were changed, how many were so before, and a sentence for each that was refused.

    ``batch`` is what ``undo`` takes.
    """

    batch: str = field(default_factory=lambda: secrets.token_hex(8))
    done: int = 0
    unchanged: int = 0
    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, piece: BulkResult) -> None:
        """Count what was done to some more records."""
        self.done += piece.done
        self.unchanged += piece.unchanged
        self.refusals += piece.refusals
        self.warnings += [words for words in piece.warnings if words not in self.warnings]

    def note(self, label: str, act: Callable[[], bool]) -> None:
        """Count what ``act`` does to the record called ``label``. One that is refused keeps no other from it."""
        try:
            changed = act()
        except ConflictError:  # the transaction is lost
            raise
        except PostMasterError as error:
            self.refusals.append(f"{label}: {error}")
        else:
            self.done += changed
            self.unchanged += not changed


def change_each(make: MakeService, ids: Sequence[int], act: Act) -> BulkResult:
    """Do ``act`` to each record, a piece of them in a transaction: mail waits while one writes.

    If somebody else is faster, nothing of that piece is changed.
    """
    return _in_pieces(ids, lambda piece, result: _change_piece(make, piece, act, result))


def _in_pieces(items: Sequence[ItemT], handle: Callable[[Sequence[ItemT], BulkResult], None]) -> BulkResult:
    result = BulkResult()
    for start in range(0, len(items), PIECE):
        part = BulkResult(result.batch)
        try:
            handle(items[start : start + PIECE], part)
        except ConflictError as error:
            result.refusals.append(str(error))
        else:
            result.add(part)
    return result


def _change_piece(make: MakeService, ids: Sequence[int], act: Act, result: BulkResult) -> None:
    with transaction() as session:
        service = make(session)
        service.batch = result.batch
        found = _records(session, service, ids)
        for number in ids:
            record = found.get(number)
            if record is None:
                result.refusals.append(f"{service.noun} {number}: it no longer exists.")
            else:
                result.note(service.label(record), partial(act, service, record))
    result.warnings = service.warnings()


def _records(session: Session, service: AnyService, ids: Sequence[int]) -> Mapping[int, Any]:
    query = select(service.model).where(service.model.id.in_(ids))
    return {record.id: record for record in session.scalars(query).unique()}


def undo(make: MakeService, batch: str, ways: Mapping[str, TakeBack]) -> BulkResult:
    """Take back what the service's actor did in ``batch``, the last first; ``ways`` say how, by action.

    A record that was changed since then stays as it is.
    """
    with read_session() as session:
        service = make(session)
        events = [event for event in events_in(session, printable(batch), service.actor) if event.noun == service.noun]
    return _in_pieces(events[::-1], lambda piece, result: _undo_piece(make, piece, ways, result))


def _undo_piece(
    make: MakeService, events: Sequence[AuditEvent], ways: Mapping[str, TakeBack], result: BulkResult
) -> None:
    with transaction() as session:
        service = make(session)
        service.batch = result.batch
        found = _records(session, service, [event.record_id or 0 for event in events])
        for event in events:
            record, way = found.get(event.record_id or 0), ways.get(event.action)
            if record is None or way is None:
                result.refusals.append(f"{event.label}: it cannot be taken back.")
            else:
                result.note(service.label(record), partial(way, service, record, event.detail))


def put_back(service: AnyService, record: Any, detail: Json) -> bool:
    """Enter again what the fields of ``record`` held before. Raises InputError if they hold something else by now."""
    now, known = service.values(record), {field.name for field in service.fields if not field.secret}
    pairs = {name: pair for name, pair in detail.items() if name in known}
    if any(_plain(now.get(name)) != new for name, (_old, new) in pairs.items()):
        raise changed_since()
    return bool(service.change(record, {name: typed(_value(old)) for name, (old, _new) in pairs.items()}))


def changed_since() -> InputError:
    """The error that a record is not any more as it was left."""
    return InputError("undo", "It was changed since then, so it stays as it is.", code="changed-meanwhile")


def _plain(value: Any) -> Any:
    """``value`` as JSON keeps it."""
    return list(value) if isinstance(value, tuple) else value


def _value(plain: Any) -> Any:
    return tuple(plain) if isinstance(plain, list) else plain
