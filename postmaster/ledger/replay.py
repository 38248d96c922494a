"""A message of the ledger, decided on again as things stand now: to tell why, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.desk.models import Queue
from postmaster.extensions import now
from postmaster.ledger.filter_trial import FilterTrial, try_all
from postmaster.ledger.mail_source import kept_source
from postmaster.ledger.models import FetchRun, InboundMail
from postmaster.pipeline.arrival import read_arrival
from postmaster.pipeline.context import DecisionContext, load_context
from postmaster.pipeline.decision import Decision, Prepared, Rules
from postmaster.pipeline.followup import NamedTicket, named_tickets
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.preparing import prepare, read_setup
from postmaster.pipeline.queue_choices import QueueChoice, queue_choices
from postmaster.pipeline.rules import present_rules
from postmaster.pipeline.stages import (
    RETRY_STAGES,
    STAGES,
    Stage,
    decide,
    limit_sender_rate,
    note_same_message,
    undecided,
)
from postmaster.pipeline.verdict import checked_before


@dataclass(frozen=True)
class Replay:
    """What would be decided now. ``named`` are the tickets that the message names, ``choices`` all that names a queue
    if it is to have a new ticket, each in the order in which they count.
    """

    prepared: Prepared
    desk: DecisionContext
    decision: Decision
    named: Sequence[NamedTicket]
    choices: Sequence[QueueChoice]
    attempts: Sequence[FilterTrial]


def replay(session: Session, mail: InboundMail, zone: ZoneInfo) -> Replay | None:
    """Decide on ``mail`` again by the present rules, as if the ticket that it opened were not there.

    None if its source is not kept, as of a message that was ignored, or cannot be read.
    """
    raw = kept_source(session, mail.id, mail.sha256)
    arrival = read_arrival(raw, mail.sha256, "", 0) if raw is not None else None
    message = arrival.message if arrival else None
    if arrival is None or message is None:
        return None
    setup = read_setup(session)
    arrival = replace(arrival, checked=checked_before(mail.verdict))
    prepared = prepare(arrival, message, rules_of(session, mail), setup)
    desk = load_context(session, setup.configuration, [prepared], now(), zone)
    if mail.outcome is Outcome.NEW and mail.ticket_id is not None:
        desk.tickets.forget_since(mail.ticket_id)
    named = list(named_tickets(undecided(prepared, desk), desk))
    decision = decide(prepared, desk, _stages(mail))
    choices = list(queue_choices(decision, desk)) if decision.outcome is Outcome.NEW else []
    return Replay(prepared, desk, decision, named, choices, try_all(setup.filters, prepared, thorough=False))


def _stages(mail: InboundMail) -> Sequence[Stage]:
    """Those that still tell something: how much its sender wrote in this hour has nothing to do with that one, and that
    the message is here already only counts if it was so when it came.
    """
    was_held = mail.outcome is Outcome.QUARANTINED or any(line["stage"] == "quarantine" for line in mail.trace)
    stages = RETRY_STAGES if was_held else STAGES
    passed = (limit_sender_rate,) if mail.reason == "same-message" else (limit_sender_rate, note_same_message)
    return [stage for stage in stages if stage not in passed]


def rules_of(session: Session, inbound: InboundMail | None) -> Rules:
    """What holds for the message now. A pipe has no account: a queue that its command named is taken from the trace."""
    if inbound is None:
        return Rules()
    if inbound.mailbox_id is None:
        names = [line.get("queue") for line in inbound.trace if line.get("reason") == "dispatched-by-queue"]
        return Rules(queue_id=session.scalar(select(Queue.id).where(Queue.name == names[0])) if names else None)
    run = session.get(FetchRun, inbound.run_id) if inbound.run_id else None
    return present_rules(session, run.account_id if run else None)
