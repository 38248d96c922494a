"""The stages about follow-ups: which ticket a message belongs to, and what that makes of it (REFERENCE section 3)."""

from __future__ import annotations

from typing import Any

from postmaster.desk.models import FollowUpPolicy
from postmaster.pipeline.attributes import given_attributes, note_flaws, take_article
from postmaster.pipeline.candidate_tickets import KnownTicket
from postmaster.pipeline.context import DeskView
from postmaster.pipeline.decision import REASONS, Draft, Outcome
from postmaster.pipeline.followup_checks import Clue
from postmaster.pipeline.x_otrs_headers import read_controls


def find_ticket(draft: Draft, desk: DeskView) -> None:
    """Find the ticket that the message belongs to; the first clue that leads to one wins."""
    for clue in draft.prepared.clues.found:
        for ticket in desk.tickets.find(clue):
            if clue.numbers and not _counts(draft, desk, clue, ticket):
                continue
            draft.ticket, draft.reason = ticket, clue.reason
            draft.note(
                "follow-up", f"{ticket.number}: {REASONS[clue.reason]}", reason=clue.reason, ticket=ticket.number
            )
            return


def _counts(draft: Draft, desk: DeskView, clue: Clue, ticket: KnownTicket) -> bool:
    """Whether a ticket number counts: anybody can guess one."""
    if desk.accepts_strangers or ticket.is_known_to(clue.parties):
        return True
    who = draft.sender or "The sender, who has no address,"
    text = f"It has the number {ticket.number}, but {who} has not written to that ticket: the number does not count."
    draft.note("follow-up", text, ticket=ticket.number, setting="AcceptTicketNumberFromStranger")
    return False


def follow_up(draft: Draft, desk: DeskView) -> None:
    """Decide what the ticket's queue and the headers make of a follow-up."""
    if draft.ticket is None:
        return
    ticket = _open_for(draft, desk, draft.ticket)
    draft.ticket = ticket
    if ticket is None:
        return
    reading = read_controls(draft.prepared.filtered.controls, desk.choices, followup=True)
    note_flaws(draft, reading)
    if desk.is_closed(ticket) and ticket.queue.policy is FollowUpPolicy.REJECT:
        draft.settle(Outcome.REJECTED, "follow-up", "rejected-closed", ticket=ticket.number)
    else:
        draft.outcome = Outcome.FOLLOW_UP
        _change(draft, desk, ticket, _with_state(draft, desk, ticket, reading.values))
    draft.queue, draft.title, draft.attributes = ticket.queue, ticket.title, ticket.attributes
    take_article(draft, desk, ticket, reading.values)


def _open_for(draft: Draft, desk: DeskView, ticket: KnownTicket) -> KnownTicket | None:
    """The ticket that takes the follow-up; None if it is to have a new one, which follows the closed one."""
    if not desk.is_closed(ticket) or ticket.queue.policy is not FollowUpPolicy.NEW_TICKET:
        return ticket
    successor = desk.tickets.successor(ticket, desk.is_closed)
    if successor is not None:
        text = f"The ticket {ticket.number} is closed; {successor.number} was opened for its follow-ups."
        draft.note("follow-up", text, ticket=successor.number)
        return successor
    draft.follows, draft.reason = ticket, ""
    text = f"The ticket {ticket.number} is closed, and its queue {ticket.queue.name} opens a new one for follow-ups."
    draft.note("follow-up", text, ticket=ticket.number)
    return None


def _with_state(draft: Draft, desk: DeskView, ticket: KnownTicket, values: dict[str, Any]) -> dict[str, Any]:
    """``values`` with the state that the ticket gets. An automatic message never reopens."""
    kind = desk.kind_of(ticket.attributes.state)
    state = values.get("state")
    if values.get("keep_state"):
        state = None
    elif state is None and (kind.is_closed or kind.is_pending) and not draft.loop:
        state = desk.followup_state
    if draft.loop and state and kind.is_closed and not desk.kind_of(state).is_closed:
        draft.note("follow-up", f"An automatic message does not reopen the ticket: “{state}” is left out.")
        state = None
    rest = {name: value for name, value in values.items() if name != "state"}
    return rest if state is None else {**rest, "state": state}


def _change(draft: Draft, desk: DeskView, ticket: KnownTicket, values: dict[str, Any]) -> None:
    before = ticket.attributes.state
    attributes = given_attributes(draft, desk, ticket.attributes, values)
    ticket.change(values.get("queue", ticket.queue), values.get("title") or ticket.title, attributes)
    if attributes.state != before:
        draft.note("follow-up", f"The state changes from “{before}” to “{attributes.state}”.", state=attributes.state)
