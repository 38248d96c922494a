"""What somebody does about a message in quarantine: try it again, deliver it to a queue, or delete it."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Select, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.database import database_message, once_more_after_deadlock, transaction
from postmaster.desk.models import RawMail
from postmaster.desk.queues import Queues
from postmaster.desk.rawmail import unpack
from postmaster.errors import InputError, NotFoundError, PostMasterError
from postmaster.extensions import now
from postmaster.ledger.apply import apply_decisions, lock_deciding
from postmaster.ledger.envelope import envelope_of
from postmaster.ledger.mail_events import mail_events
from postmaster.ledger.models import InboundMail, Quarantine
from postmaster.ledger.search_index import renew_terms, terms_of
from postmaster.logs import Logger
from postmaster.outbox.emit import NewEvent, emit
from postmaster.outbox.models import EventType
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.arrival import Arrival, read_arrival
from postmaster.pipeline.context import load_context
from postmaster.pipeline.decision import Decision, Prepared, Rules
from postmaster.pipeline.preparing import Setup, prepare, prepare_unfiltered, read_setup
from postmaster.pipeline.rules import present_rules
from postmaster.pipeline.stages import NEW_TICKET_STAGES, RETRY_STAGES, Stage, decide
from postmaster.pipeline.verdict import checked_before
from postmaster.resources.audit import audit

log = Logger("postmaster.quarantine")

# Messages that are handled in one transaction: to wait for the disk costs more than to handle one.
TOGETHER = 50

# Seconds after which a transaction takes no other message: whoever records mail waits for it, and has a lease to renew.
# Fewer than a batch that is decided ahead waits for ticket numbers (``ahead.PATIENCE``).
HOLDING = 2

UNREADABLE = ParsedMessage(subject="(a message that could not be read)")


@dataclass(frozen=True, slots=True)
class Release:
    """Who let a message out of quarantine, and how."""

    actor: str
    action: str


def waiting() -> Select[Quarantine]:
    """All messages in quarantine, the oldest first."""
    return select(Quarantine).order_by(Quarantine.id)


def find_quarantined(session: Session, number: int) -> Quarantine:
    """The message with that id, which nobody else releases until the transaction ends. Raises NotFoundError."""
    row = session.get(Quarantine, number, with_for_update=True)
    if row is None:
        message = f"There is no message {number} in quarantine."
        raise NotFoundError("unknown-quarantine", message, "Run: flask quarantine list")
    return row


def raw_source(session: Session, row: Quarantine) -> bytes:
    """The message as it came."""
    raw = session.get_one(RawMail, row.raw_id)
    return unpack(raw.encoding, raw.data)


def retry(session: Session, row: Quarantine, actor: str) -> str | None:
    """Read and decide about the message again, by its account's present rules; returns the number of its ticket.

    None: a filter or a header says that it is dropped. How much its sender has written does not count any more.
    Raises InputError if it still cannot be read. The caller commits.
    """
    arrival = _arrival(session, row)
    if arrival.message is None:
        message = f"The message {row.id} still cannot be read: {arrival.flaw}."
        raise InputError("message", message, "Deliver it to a queue, where its source can be looked at.", "unreadable")
    setup = read_setup(session)
    prepared = prepare(arrival, arrival.message, present_rules(session, row.account_id), setup)
    return _release(session, row, setup, prepared, RETRY_STAGES, Release(actor, "retry"))


def deliver(session: Session, row: Quarantine, queue: str, actor: str) -> str:
    """Open a ticket for the message in ``queue``, however little of it can be read; returns its number.

    Neither filters nor what the message answers change that. Raises NotFoundError for an unknown queue, InputError
    for one that is not valid. The caller commits.
    """
    servers = present_rules(session, row.account_id).authserv_ids
    rules = Rules(queue_id=Queues(session).find_valid(queue).id, authserv_ids=servers)
    arrival, setup = _arrival(session, row), read_setup(session)
    prepared = prepare_unfiltered(arrival, arrival.message or UNREADABLE, rules, setup)
    return str(_release(session, row, setup, prepared, NEW_TICKET_STAGES, Release(actor, "deliver")))


def discard(session: Session, row: Quarantine, actor: str) -> None:
    """Delete the message and its source for good. Its row in the ledger stays. The caller commits."""
    _remove(session, row)
    data = {"reason": "discarded"}
    emit(session, [NewEvent(EventType.MAIL_IGNORED, inbound_id=row.inbound_id, account_id=row.account_id, data=data)])
    audit(session, actor, "delete", "quarantine", _label(row), {"sender": row.sender, "subject": row.subject})


@dataclass(frozen=True, slots=True)
class Handled:
    """The result for one message of many: ``done``, or the error that says why not."""

    number: int
    done: str = ""
    error: PostMasterError | None = None


def handle(
    numbers: Iterable[int], act: Callable[[Session, Quarantine], str], seconds: float = math.inf
) -> Iterator[Handled]:
    """Do ``act`` to each message; one that fails does not undo the others. Up to ``TOGETHER`` of them are a
    transaction, fewer if they take longer than ``HOLDING``.

    The oldest comes first, as when they arrived. The lock under which is decided is taken before any message is locked,
    as whoever records mail does; so two people's transactions do not wait for each other.
    After ``seconds`` no other transaction is begun, so that there may be messages that nothing is yielded for.
    """
    wanted = sorted(set(numbers))
    ends = time.monotonic() + seconds
    start = 0
    while start < len(wanted):
        together = wanted[start : start + TOGETHER]
        done = once_more_after_deadlock(partial(_handle_together, together, act))
        yield from done
        start += len(done)
        if time.monotonic() > ends:
            return


def _handle_together(numbers: Sequence[int], act: Callable[[Session, Quarantine], str]) -> list[Handled]:
    """Handle the first of ``numbers``, at least one, and as many more as others can be kept waiting for."""
    with transaction() as session:
        lock_deciding(session)
        until = time.monotonic() + HOLDING
        done: list[Handled] = []
        while len(done) < len(numbers) and (not done or time.monotonic() < until):
            done.append(_handle(session, numbers[len(done)], act))
        return done


def _handle(session: Session, number: int, act: Callable[[Session, Quarantine], str]) -> Handled:
    try:
        with session.begin_nested():
            return Handled(number, act(session, find_quarantined(session, number)))
    except PostMasterError as error:
        return Handled(number, error=error)
    except (DataError, IntegrityError) as error:
        return Handled(number, error=_refused(number, f"stored: {database_message(error)}"))
    except DBAPIError:
        raise
    except Exception as error:  # whatever the message makes our own code raise, it must not stop the others
        log.exception("a message in quarantine could not be handled", number=number)
        return Handled(number, error=_refused(number, f"handled: {error!r}"))


def _refused(number: int, why: str) -> InputError:
    message = f"The message {number} still cannot be {why}."
    return InputError("message", message, "It stays in quarantine, where its source can be looked at.", "refused")


def _arrival(session: Session, row: Quarantine) -> Arrival:
    raw = raw_source(session, row)
    arrival = read_arrival(raw, hashlib.sha256(raw).digest(), "", 0)
    return replace(arrival, checked=checked_before(session.get_one(InboundMail, row.inbound_id).verdict))


def _release(
    session: Session, row: Quarantine, setup: Setup, prepared: Prepared, stages: Sequence[Stage], release: Release
) -> str | None:
    moment = now()
    lock_deciding(session)
    desk = load_context(session, setup.configuration, [prepared], moment, config.current().time_zone)
    decision = decide(prepared, desk, stages)
    apply_decisions(session, [decision], moment, desk.day)
    _enter(session, row, decision, f"Released by {release.actor} ({release.action}).")
    emit(session, mail_events(row.inbound_id, decision, row.account_id))
    _remove(session, row)
    number = decision.ticket.number if decision.ticket else None
    detail = {"outcome": decision.decided.value, "ticket": number}
    audit(session, release.actor, release.action, "quarantine", _label(row), detail)
    return number


def _enter(session: Session, row: Quarantine, decision: Decision, words: str) -> None:
    """Write the new outcome into the ledger, and index what the message is found by now."""
    inbound = session.get_one(InboundMail, row.inbound_id)
    arrival = decision.prepared.arrival
    before = terms_of(vars(inbound), row.account_id)
    inbound.outcome, inbound.reason = decision.decided, decision.reason
    inbound.ticket_id = decision.ticket.id if decision.ticket else None
    inbound.verdict = decision.prepared.verdict.kept()
    for name, value in envelope_of(arrival.message, arrival.raw, decision.writer).as_row().items():
        setattr(inbound, name, value)
    renew_terms(session, inbound.id, before, terms_of(vars(inbound), row.account_id))
    inbound.trace = [*inbound.trace, {"stage": "quarantine", "text": words}, *decision.trace]


def _remove(session: Session, row: Quarantine) -> None:
    session.delete(row)
    session.flush()
    session.delete(session.get_one(RawMail, row.raw_id))


def _label(row: Quarantine) -> str:
    return f"{row.id} ({row.label})"
