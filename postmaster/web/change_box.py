"""The box on the page of a ticket in which all is changed at once; what nobody touches stays as it is by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from postmaster.desk.models import Ticket
from postmaster.desk.queues import Queues
from postmaster.desk.ticket_choices import TICKET_CHOICES
from postmaster.desk.ticket_service import TicketChange, state_names

# What stands for nothing, as in the facts of pages; no word of a list is called so.
NOTHING = "–"


@dataclass(frozen=True)
class ChangeInput:
    """One thing that can be changed: what it is ``now``, and the ``others`` that it can be."""

    name: str
    label: str
    now: str
    others: Sequence[str]


def change_inputs(session: Session, ticket: Ticket) -> Iterator[ChangeInput]:
    """What can be changed of ``ticket``; what there is nothing to choose from for is left out."""
    for name, label, words in _lists(session):
        now = ticket.queue.name if name == "queue" else getattr(ticket, name)
        others = [word for word in words if word != now]
        if now and name in TICKET_CHOICES and TICKET_CHOICES[name].optional:
            others.append(NOTHING)
        if others:
            yield ChangeInput(name, label, now or NOTHING, others)


def _lists(session: Session) -> Iterator[tuple[str, str, Sequence[str]]]:
    yield "queue", "Queue", Queues(session).valid_names()
    yield "state", "State", state_names(session)
    for choice in TICKET_CHOICES.values():
        yield choice.name, choice.label, choice.words(session)


def chosen_words(form: Mapping[str, str]) -> dict[str, str]:
    """What was chosen of ``TICKET_CHOICES``; what stayed as it was is left out."""
    given = {name: form.get(name, "") for name in TICKET_CHOICES}
    return {name: "" if text == NOTHING else text for name, text in given.items() if text}


def told_changes(changes: Sequence[TicketChange]) -> str:
    """A sentence that says what was changed."""
    changed = [
        f"{name.replace('_', ' ')} from “{old or NOTHING}” to “{new or NOTHING}”"
        for change in changes
        for name, (old, new) in change.changes.items()
    ]
    return f"Changed: {', '.join(changed)}." if changed else "No changes."
