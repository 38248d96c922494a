"""Follow-ups: which ticket a message belongs to, and what that makes of it (docs/glossary.md#follow-up)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from postmaster.desk.models import FollowUpPolicy, LinkKind
from postmaster.pipeline.attributes import given_attributes, note_flaws, read_headers, take_article
from postmaster.pipeline.candidate_tickets import CandidateTicket
from postmaster.pipeline.context import DecisionContext
from postmaster.pipeline.decision import REASONS, Decision
from postmaster.pipeline.followup_checks import FollowUpCheck
from postmaster.pipeline.marks import Report
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.verdict import Finding, is_proven
from postmaster.system.lists import StateKind


@dataclass(frozen=True, slots=True)
class NamedTicket:
    """A ticket that a clue of the message leads to. ``why_not`` says why it does not count, with ``details``."""

    clue: FollowUpCheck
    ticket: CandidateTicket
    why_not: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def named_tickets(decision: Decision, desk: DecisionContext) -> Iterator[NamedTicket]:
    """All tickets that the message names, in the order in which they count; the first without ``why_not`` gets it."""
    for clue in decision.prepared.clues.found:
        for named in desk.tickets.find(clue):
            if clue.fields and desk.is_closed(main := desk.tickets.main_of(named)):
                text = f"The ticket {main.number} has what a filter captured in its dynamic field, but is closed."
                yield NamedTicket(clue, named, text, {"ticket": main.number, "over": True})
            elif clue.numbers and not _counts(decision, desk, clue, named):
                who = decision.sender or "The sender, who has no address,"
                has = f"It has the number {named.number}, but {who} has not written to that ticket"
                details = {"ticket": named.number, "setting": "AcceptTicketNumberFromStranger"}
                yield NamedTicket(clue, named, f"{has}: the number does not count.", details)
            else:
                yield NamedTicket(clue, named)


def check_follow_up(decision: Decision, desk: DecisionContext) -> None:
    """Find the ticket that the message belongs to; the first clue that leads to one wins."""
    for named in named_tickets(decision, desk):
        if named.why_not:
            _note_refused(decision, named)
            continue
        number, reason = named.ticket.number, named.clue.reason
        decision.ticket, decision.reason = desk.tickets.main_of(named.ticket), reason
        decision.note("follow-up", f"{number}: {REASONS[reason]}", reason=reason, ticket=number)
        _note_merged(decision, named.ticket, decision.ticket)
        return


def _note_refused(decision: Decision, named: NamedTicket) -> None:
    """Say why a ticket does not get the message; of those that are closed, the newest says enough."""
    if not (named.details.get("over") and any(line.get("over") for line in decision.trace)):
        decision.note("follow-up", named.why_not, **named.details)


def _note_merged(decision: Decision, named: CandidateTicket, main: CandidateTicket) -> None:
    if main is not named:
        text = f"The ticket {named.number} was merged into {main.number}, which gets its follow-ups."
        decision.note("follow-up", text, ticket=main.number)


def _counts(decision: Decision, desk: DecisionContext, clue: FollowUpCheck, ticket: CandidateTicket) -> bool:
    """Whether a ticket number counts: anybody can guess one."""
    own = {decision.sender} if decision.writer.is_person else set()
    parties = own if clue.parties is None else clue.parties
    known = ticket.is_known_to(parties) or desk.tickets.main_of(ticket).is_known_to(parties)
    return known or _is_accepted(decision, desk)


def _is_accepted(decision: Decision, desk: DecisionContext) -> bool:
    """Whether numbers count from whoever wrote the message."""
    if desk.accepts_strangers == "proven":
        return is_proven(decision.writer, decision.prepared.verdict)
    return desk.accepts_strangers == "yes"


def doubt_follow_up(decision: Decision, desk: DecisionContext) -> None:
    """Give a follow-up a ticket of its own, linked, if its sender is not genuine and OnSenderFail asks for that."""
    ticket = decision.ticket
    if ticket is None or not sender_fails(decision) or desk.on_sender_fail != "no-follow-up":
        return
    decision.ticket, decision.reason = None, ""
    decision.follows, decision.follows_as = ticket, LinkKind.NOT_BELIEVED
    text = f"{REASONS['sender-fails']} So it does not follow up {ticket.number}, but is linked with it."
    decision.note("follow-up", text, ticket=ticket.number, setting="OnSenderFail")


def sender_fails(decision: Decision) -> bool:
    """Whether a trusted server has found that the sender is not genuine."""
    return decision.prepared.verdict.verdict is Finding.FAIL


def follow_up(decision: Decision, desk: DecisionContext) -> None:
    """Decide what the ticket's queue and the headers make of a follow-up."""
    if decision.ticket is None:
        return
    ticket = _open_for(decision, desk, decision.ticket)
    decision.ticket = ticket
    if ticket is None:  # other headers count for a new ticket
        read_headers(decision, desk)
        return
    note_flaws(decision)
    values = decision.headers.values
    if _policy_of(ticket, desk) is FollowUpPolicy.REJECT and not _is_reopening_bounce(decision, desk):
        decision.settle(Outcome.REJECTED, "follow-up", "rejected-closed", ticket=ticket.number)
    else:
        decision.outcome = Outcome.FOLLOW_UP
        _change(decision, desk, ticket, _with_state(decision, desk, ticket, values))
    decision.queue, decision.title, decision.attributes = ticket.queue, ticket.title, ticket.attributes
    take_article(decision, desk, ticket, values)


def _open_for(decision: Decision, desk: DecisionContext, ticket: CandidateTicket) -> CandidateTicket | None:
    """The ticket that takes the follow-up; None if it is to have a new one, which follows the closed one."""
    if _policy_of(ticket, desk) is not FollowUpPolicy.NEW_TICKET:
        return ticket
    if decision.prepared.marks.report is not None:  # it belongs to what it is about, and asks for nothing
        return ticket
    successor = desk.tickets.successor(ticket, desk.is_closed)
    if successor is not None:
        text = f"The ticket {ticket.number} is closed; {successor.number} was opened for its follow-ups."
        decision.note("follow-up", text, ticket=successor.number)
        return successor
    decision.follows, decision.reason = ticket, ""
    text = f"The ticket {ticket.number} is closed, and its queue {ticket.queue.name} opens a new one for follow-ups."
    decision.note("follow-up", text, ticket=ticket.number)
    return None


def _policy_of(ticket: CandidateTicket, desk: DecisionContext) -> FollowUpPolicy:
    """What its queue says, as far as the ticket's state has that count."""
    heeds = desk.kind_of(ticket.attributes.state).heeds_policy
    return ticket.queue.policy if heeds else FollowUpPolicy.POSSIBLE


def _with_state(
    decision: Decision, desk: DecisionContext, ticket: CandidateTicket, values: dict[str, Any]
) -> dict[str, Any]:
    """``values`` with the state that the ticket gets. What a machine wrote never reopens."""
    kind = desk.kind_of(ticket.attributes.state)
    may_reopen = not decision.automatic or _is_reopening_bounce(decision, desk)
    state = values.get("state")
    if values.get("keep_state"):
        state = None
    elif state is None and kind is not StateKind.NEW and may_reopen:
        state = desk.state_after_follow_up(kind)
    if not may_reopen and state and kind.is_closed and not desk.kind_of(state).is_closed:
        decision.note("follow-up", f"An automatic message does not reopen the ticket: “{state}” is left out.")
        state = None
    rest = {name: value for name, value in values.items() if name != "state"}
    return rest if state is None else {**rest, "state": state}


def _is_reopening_bounce(decision: Decision, desk: DecisionContext) -> bool:
    """Whether it is about mail that could not be delivered, and the setting says that this reopens."""
    return desk.bounces_reopen and decision.prepared.marks.report is Report.DELIVERY


def _change(decision: Decision, desk: DecisionContext, ticket: CandidateTicket, values: dict[str, Any]) -> None:
    before = ticket.attributes.state
    attributes = given_attributes(decision, desk, ticket.attributes, values)
    queue, title = values.get("queue", ticket.queue), values.get("title") or ticket.title
    decision.changes = ticket.change(queue, title, attributes)
    if attributes.state != before:
        decision.note(
            "follow-up", f"The state changes from “{before}” to “{attributes.state}”.", state=attributes.state
        )
