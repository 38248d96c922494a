"""The outlets: find, add, change, delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.accounts.sealing import unseal
from postmaster.desk.models import Queue
from postmaster.desk.queues import QUEUE_USERS, Queues, QueueService
from postmaster.errors import InputError, NotFoundError
from postmaster.extensions import Json, now
from postmaster.outbox.models import EventType
from postmaster.outbox.reading import newest_id
from postmaster.outlets.fields import (
    EVENTS,
    HEADERS,
    KIND,
    NAME,
    NEW,
    QUEUES,
    RAW_MESSAGE,
    SECRET,
    URL,
)
from postmaster.outlets.health import outlet_health
from postmaster.outlets.leases import lock_states
from postmaster.outlets.models import Outlet, OutletState
from postmaster.outlets.results import try_now
from postmaster.outlets.standing import standing_of
from postmaster.resources.entered import EnteredValues
from postmaster.resources.fields import COMMENT, VALIDITY, Field, Value
from postmaster.resources.models import Validity
from postmaster.resources.named_service import NamedService
from postmaster.resources.service import Stored
from postmaster.resources.uses import Use


class OutletService(NamedService[Outlet]):
    """Outlets. Secrets are sealed when they are read; one that is made here is told once, in ``notes``."""

    noun = "outlet"
    plural = "outlets"
    fields: ClassVar[tuple[Field, ...]] = (
        NAME,
        KIND,
        URL,
        SECRET,
        HEADERS,
        EVENTS,
        QUEUES,
        RAW_MESSAGE,
        VALIDITY,
        COMMENT,
    )
    key: ClassVar[Field] = NAME
    model = Outlet

    def health(self, record: Outlet) -> str:
        """See ``outlet_health``."""
        return outlet_health(record)

    def value(self, record: Outlet, field: Field) -> Value:
        """The field's value; queues by their names."""
        if field == QUEUES:
            return tuple(queue.name for queue in record.queues)
        return tuple(record.events or ()) if field == EVENTS else super().value(record, field)

    def details(self, record: Outlet) -> Json:
        """How it stands: how much waits since when, and what the receiver said last."""
        return standing_of(self.session, record).as_dict()

    def names_of(self, field: Field) -> Mapping[str, str]:
        """What can be chosen in ``field``, of which any number may be, with what it is called."""
        return {name: name for name in (Queues(self.session).valid_names() if field == QUEUES else list(EventType))}

    def resolve(self, field: Field, value: Any) -> Any:
        """The queues that are named."""
        if field != QUEUES:
            return list(value) if field == EVENTS else value
        return list({queue.id: queue for queue in map(self._queue, value)}.values())

    def _queue(self, text: str) -> Queue:
        try:
            return QueueService(self.session, self.actor).find(text)
        except NotFoundError as error:
            raise InputError(QUEUES.label, error.message, error.advice, error.code) from None

    def read(self, form_values: Mapping[str, str], record: Outlet | None = None) -> EnteredValues[Outlet]:
        """A new one gets a secret if none is given; one that is there keeps its secrets where they are left empty."""
        given = dict(form_values)
        for field in (SECRET, HEADERS):
            if record is not None and not given.get(field.name, "").strip():
                given.pop(field.name, None)
        if record is None and given.get(SECRET.name) is not None and not given[SECRET.name].strip():
            given[SECRET.name] = NEW
        values = super().read(given, record)
        for field in (SECRET, HEADERS):
            values.set(field, getattr(values.draft, field.attribute) or "")
        if (
            record is not None
            and QUEUES.name in given
            and self.value(values.draft, QUEUES) != self.value(record, QUEUES)
        ):
            values.set_attribute("changed_at", now())  # which queues are chosen is in a table of its own
        return values

    def store(self, values: EnteredValues[Outlet]) -> Stored[Outlet]:
        """A new one begins with what happens from now on. One that is changed is tried again at once."""
        if values.record is None:
            values.attributes["state"] = OutletState(cursor=newest_id(self.session))
            stored = super().store(values)
        else:
            state = self._locked(values.record)
            stored = super().store(values)
            if stored.changes:
                try_now(self.session, state, now())
        self._warn(values, stored.record)
        return stored

    def _locked(self, record: Outlet) -> OutletState:
        """Its state, which is locked before the outlet itself: whoever hands over does it in that order as well."""
        return lock_states(self.session, [record.id])[record.id]

    def _warn(self, values: EnteredValues[Outlet], record: Outlet) -> None:
        made = values.given(SECRET).strip().lower() == NEW
        if made:
            self.notes[f"secret of {record.name}"] = (
                f"The secret of “{record.name}” is {unseal(record.sealed_secret)} – it is shown this once. Enter it at "
                "the receiver."
            )
        if record.url.startswith("http:") and values.given(URL):
            self.notes["http"] = (
                f"The address of “{record.name}” begins with http://, so what is sent can be read on the way. Use "
                "https:// unless the receiver is on this machine."
            )


def valid_outlets(session: Session) -> Sequence[Outlet]:
    """The outlets that are valid, in the order of their ids."""
    query = select(Outlet).where(Outlet.validity == Validity.VALID).order_by(Outlet.id)
    return session.scalars(query).unique().all()


def _outlets_of(_session: Session, queue: Queue) -> Iterable[Use]:
    """The outlets that are for ``queue``."""
    query = select(Outlet).join(Outlet.queues).where(Queue.id == queue.id).order_by(Outlet.id)
    for outlet in _session.scalars(query).unique():
        yield Use("outlet", f"outlet {outlet.name}", outlet.id, keeps=outlet.validity is not Validity.VALID)


QUEUE_USERS.append(_outlets_of)
