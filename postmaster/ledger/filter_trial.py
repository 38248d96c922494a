"""Trying a filter before it is saved: what each condition finds in a message, and the outcome it would have."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.orm import Session

from postmaster.desk.models import Article, RawMail
from postmaster.desk.rawmail import unpack
from postmaster.errors import InputError, NotFoundError
from postmaster.extensions import Json, now
from postmaster.ledger.models import InboundMail, Quarantine
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.arrival import read_arrival
from postmaster.pipeline.context import load_context
from postmaster.pipeline.decision import Prepared, Rules
from postmaster.pipeline.filters.loading import compiled
from postmaster.pipeline.filters.matching import (
    FILTER_SECONDS,
    MESSAGE_SECONDS,
    CompiledFilter,
    MailView,
    Trial,
    try_filter,
)
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.patterns import EMAIL_ADDRESS
from postmaster.pipeline.json import describe_decision
from postmaster.pipeline.preparing import Setup, prepare, read_setup
from postmaster.pipeline.stages import decide
from postmaster.pipeline.verdict import SenderVerdict, checked_before

# What means something in a pattern, and characters of a subject that is taken over into one.
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")
MAX_SUBJECT = 120

# Why a filter is not even tried, if it is not that one before it stops.
NOT_ITS_ACCOUNT = "It is not for mail of this account."

# Messages to pick from, of tickets and of the quarantine.
RECENT_MAILS = 20


@dataclass(frozen=True)
class FilterTrial:
    """How one filter went. ``why_not`` says why it is not even tried; ``new`` marks the one that is being edited."""

    trial: Trial
    new: bool
    why_not: str = ""


@dataclass(frozen=True)
class Experiment:
    """How all filters went on a message, in their order, and what would be decided about it."""

    message: ParsedMessage
    attempts: Sequence[FilterTrial]
    decision: Json
    ticket: str | None


def recent_messages(session: Session, wanted: int = 0) -> list[tuple[int, str]]:
    """The newest messages whose source is there, by its id, with sender and subject; those in quarantine come last.

    The one with the source ``wanted`` is among them if it is in quarantine, however old it is.
    """
    articles = select(Article.raw_id, Article.header).where(Article.raw_id.is_not(None))
    held = select(Quarantine.raw_id, Quarantine.sender, Quarantine.subject)
    return [
        *(
            (row.raw_id, _called((row.header.get("from") or {}).get("address") or "", row.header.get("subject") or ""))
            for row in _first(session, articles, Article.id.desc())
        ),
        *(
            (row.raw_id, f"In quarantine: {_called(row.sender, row.subject)}")
            for row in _first(session, held, (Quarantine.raw_id == wanted).desc(), Quarantine.id.desc())
        ),
    ]


def _first(session: Session, query: Select[*tuple[Any, ...]], *order: ColumnElement[Any]) -> Sequence[Row[Any]]:
    return session.execute(query.order_by(*order).limit(RECENT_MAILS)).all()


def _called(sender: str, subject: str) -> str:
    return f"{sender or 'unknown sender'}: {subject or '(no subject)'}"[:120]


def checked_of(session: Session, raw_id: int) -> SenderVerdict:
    """What was found out about its sender here when the message with that source came."""
    held = select(InboundMail.verdict).join(Quarantine, Quarantine.inbound_id == InboundMail.id)
    queries = (select(Article.verdict).where(Article.raw_id == raw_id), held.where(Quarantine.raw_id == raw_id))
    return checked_before(next(filter(None, (session.scalars(query).first() for query in queries)), None))


def source_of(session: Session, raw_id: int) -> bytes:
    """The message as it came, by the id of its source. Raises NotFoundError."""
    raw = session.get(RawMail, raw_id)
    if raw is None:
        raise NotFoundError("unknown-mail", "The source of that message is no longer kept.", "Pick another one.")
    return unpack(raw.encoding, raw.data)


def suggested_conditions(session: Session, raw_id: int) -> list[str]:
    """The conditions that a filter for messages like the one with that source begins with: its sender, its subject.

    Raises NotFoundError if the source is no longer kept; there are none for a message that cannot be read.
    """
    message = read_arrival(source_of(session, raw_id), b"", "", 0).message
    if message is None:
        return []
    sender = message.from_.address if message.from_ else ""
    subject = _SPECIAL.sub(r"\\\g<0>", " ".join(message.subject.split())[:MAX_SUBJECT])
    return [f"From={EMAIL_ADDRESS}{sender}"] * bool(sender) + [f"Subject={subject}"] * bool(subject)


def try_out(
    session: Session, row: PostmasterFilter, raw: bytes, checked: SenderVerdict, rules: Rules, zone: ZoneInfo
) -> Experiment:
    """Hold ``raw`` against the valid filters, ``row`` in place of the one with its id. Nothing is stored, or looked up.

    Raises InputError if the message cannot be read.
    """
    arrival = replace(read_arrival(raw, hashlib.sha256(raw).digest(), "", 0), checked=checked)
    message = arrival.message
    if message is None:
        raise InputError("Message", f"The message cannot be read: {arrival.flaw}.", "Try another one.", "unreadable")
    before = read_setup(session)
    edited = compiled(row)
    filters = sorted([*(each for each in before.filters if each.id != row.id), edited], key=lambda each: each.name)
    setup = Setup(before.configuration, filters)
    prepared = prepare(arrival, message, rules, setup)
    decision = decide(prepared, load_context(session, setup.configuration, [prepared], now(), zone))
    return Experiment(
        message,
        try_all(filters, prepared, edited, thorough=True),
        describe_decision(decision),
        decision.ticket.number if decision.ticket and decision.ticket.id else None,
    )


def _try(each: CompiledFilter, view: MailView, ends: float, *, thorough: bool) -> Trial:
    return try_filter(each, view, seconds=min(FILTER_SECONDS, ends - time.thread_time()), thorough=thorough)


def try_all(
    filters: Sequence[CompiledFilter], prepared: Prepared, edited: CompiledFilter | None = None, *, thorough: bool
) -> list[FilterTrial]:
    """How each filter goes on the message, also ``edited``, which is tried whatever comes before it.

    ``thorough`` tries all conditions, also those behind one that does not match: for a page that somebody waits for.
    """
    rules = prepared.rules
    view = MailView(prepared.message, trusted=prepared.believed, verdict=prepared.verdict)
    attempts, stopped = [], ""
    ends = time.thread_time() + MESSAGE_SECONDS
    for each in filters:
        why_not = stopped or ("" if each.is_for(rules.account_id) else NOT_ITS_ACCOUNT)
        is_tried = not why_not or each is edited
        trial = _try(each, view, ends, thorough=thorough) if is_tried else Trial(each)
        attempts.append(FilterTrial(trial, each is edited, why_not))
        if trial.matched and not why_not:
            view.controls.update((control.name.lower(), control) for control in trial.sets)
            stopped = f"“{each.name}” matched and stops." if each.stop else ""
    return attempts
