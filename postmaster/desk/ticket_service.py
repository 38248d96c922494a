"""What somebody does with tickets: move them to a queue, set state, owner and the like. All that are named, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue, Ticket, TicketMerge
from postmaster.desk.queues import Queues
from postmaster.desk.ticket_choices import TICKET_CHOICES
from postmaster.desk.ticket_events import changed_fields, fields_of, tell_change
from postmaster.errors import NotFoundError
from postmaster.extensions import Json, now
from postmaster.resources.audit import audit
from postmaster.resources.fields import Field
from postmaster.resources.readers import one_of
from postmaster.resources.uses import enumeration
from postmaster.system.list_settings import STATE_LIST
from postmaster.system.settings import get_setting

# Databases limit the values of one statement.
PIECE = 500


@dataclass(frozen=True, slots=True)
class TicketChange:
    """What changed in a ticket: the changed fields as ``[old, new]``, empty if nothing differs."""

    number: str
    changes: Json


def state_names(session: Session) -> Sequence[str]:
    """The states that a ticket may have."""
    return [state.name for state in get_setting(session, STATE_LIST)]


class TicketService:
    """Changes tickets for ``actor``, in the transaction of its session; the caller ends it."""

    def __init__(self, session: Session, actor: str) -> None:
        self.session = session
        self.actor = actor

    def find(self, numbers: Sequence[str]) -> list[Ticket]:
        """The tickets with these numbers, in their order, which nobody else changes until the transaction ends.

        Raises NotFoundError naming those that are not there.
        """
        asked = list(dict.fromkeys(number.strip() for number in numbers))
        found = {ticket.number: ticket for ticket in self._locked([text for text in asked if text.isprintable()])}
        if missing := [f"“{number}”" for number in asked if number not in found]:
            none = "is no ticket" if len(missing) == 1 else "are no tickets"
            advice = "Nothing was changed. Run: flask ticket list"
            raise NotFoundError("unknown-ticket", f"There {none} {enumeration(missing)}.", advice)
        return [found[number] for number in asked]

    def _locked(self, numbers: Sequence[str]) -> list[Ticket]:
        """In the order of their ids, so that two who lock the same ones do not wait for each other.

        Nor for mail: an article that is being added holds its ticket's key, which is not what changes.
        """
        found: list[Ticket] = []
        for start in range(0, len(numbers), PIECE):
            chosen = select(Ticket).where(Ticket.number.in_(sorted(numbers)[start : start + PIECE]))
            found += self.session.scalars(chosen.order_by(Ticket.id).with_for_update(of=Ticket, key_share=True))
        return found

    def change(
        self,
        numbers: Sequence[str],
        queue: str | None = None,
        state: str | None = None,
        choices: Mapping[str, str | None] | None = None,
    ) -> list[TicketChange]:
        """Move the tickets to ``queue``, and give them ``state`` and ``choices``, by their names in ``TICKET_CHOICES``;
        what is None stays, and an empty word takes away what is optional.

        Raises NotFoundError for an unknown ticket or queue, InputError for a queue that is not valid or a word that
        there is not.
        """
        tickets = self.find(numbers)
        target = Queues(self.session).find_valid(queue) if queue is not None else None
        wanted = None if state is None else known_state(self.session, state)
        given = {name: text for name, text in (choices or {}).items() if text is not None}
        chosen = {name: TICKET_CHOICES[name].read(self.session, text) for name, text in given.items()}
        return [self._change(ticket, target or ticket.queue, wanted or ticket.state, chosen) for ticket in tickets]

    def move(self, ticket: Ticket, queue: Queue) -> Json:
        """Put ``ticket`` into ``queue``, without a word in the audit log; returns the changed fields."""
        changes: Json = {"queue": [ticket.queue.name, queue.name]} if queue.id != ticket.queue_id else {}
        if changes:
            ticket.queue, ticket.changed_at = queue, now()
        return changes

    def _change(self, ticket: Ticket, queue: Queue, state: str, chosen: Mapping[str, str | None]) -> TicketChange:
        before = fields_of(ticket)
        changes = self.move(ticket, queue) | _choose(ticket, chosen)
        merged: Json = {}
        if state != ticket.state:
            changes["state"] = [ticket.state, state]
            ticket.state, ticket.pending_time, ticket.changed_at = state, None, now()
            merged = self._end_merging(ticket)
        tell_change(self.session, ticket, changed_fields(before, fields_of(ticket)) | merged)
        if changes:
            audit(self.session, self.actor, "set", "ticket", ticket.number, changes)
        return TicketChange(ticket.number, changes)

    def _end_merging(self, ticket: Ticket) -> Json:
        """Let a merged ticket that gets another state take its follow-ups again, and say so as a changed field. Its
        articles stay where they are.
        """
        into = select(Ticket.number).join(TicketMerge, TicketMerge.into_id == Ticket.id)
        number = self.session.scalar(into.where(TicketMerge.ticket_id == ticket.id))
        self.session.execute(delete(TicketMerge).where(TicketMerge.ticket_id == ticket.id))
        return {} if number is None else {"merged_into": [number, None]}


def _choose(ticket: Ticket, chosen: Mapping[str, str | None]) -> Json:
    """Give ``ticket`` what was chosen; returns the changed fields."""
    old = {name: getattr(ticket, name) for name in chosen}
    changes = {name: [old[name], value] for name, value in chosen.items() if old[name] != value}
    for name, (_, value) in changes.items():
        setattr(ticket, name, value)
    if changes:
        ticket.changed_at = now()
    return changes


def known_state(session: Session, text: str) -> str:
    """The state of that name, case-insensitively. Raises InputError."""
    state: str = Field("state", "State", mandatory=True, read=one_of(*state_names(session))).parse(text)
    return state
