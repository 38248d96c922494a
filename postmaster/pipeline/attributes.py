"""What new tickets and follow-ups have in common: attributes from headers, and the article."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from postmaster.desk.tickets import ATTRIBUTE_NAMES, TicketAttributes
from postmaster.pipeline.candidate_tickets import CandidateTicket
from postmaster.pipeline.context import DecisionContext
from postmaster.pipeline.decision import Decision
from postmaster.pipeline.threads import MAX_AWAITED
from postmaster.pipeline.x_otrs_headers import parse_headers


def read_headers(decision: Decision, desk: DecisionContext) -> None:
    """Read the X-OTRS headers that count, which depends on whether there is a ticket to follow up."""
    controls = decision.prepared.filtered.controls
    decision.headers = parse_headers(controls, desk.choices, followup=decision.ticket is not None)


def note_flaws(decision: Decision) -> None:
    """Say which headers are invalid, and so left out. Mail is never lost to a bad header."""
    for control, flaw in decision.headers.flaws:
        text = f"{control.name}, set by {control.source}, {flaw.flaw}: left out."
        decision.note("headers", text, header=control.name, value=control.value[:200])


def given_attributes(
    decision: Decision, desk: DecisionContext, before: TicketAttributes, values: Mapping[str, Any]
) -> TicketAttributes:
    """``before`` with what the headers say. Only a ticket in a pending state waits for a moment."""
    if not values and before.pending_time is None:
        return before
    given = {name: value for name, value in values.items() if name in ATTRIBUTE_NAMES}
    if "dynamic_fields" in given:
        given["dynamic_fields"] = {**before.dynamic_fields, **given["dynamic_fields"]}
    state = given.get("state", before.state)
    if not desk.kind_of(state).is_pending:
        if "pending_time" in given:
            decision.note("headers", f"A pending time was given, but “{state}” is not a pending state: left out.")
        given["pending_time"] = None
    elif state != before.state:
        given.setdefault("pending_time", None)
    return dataclasses.replace(before, **given)


def take_article(decision: Decision, desk: DecisionContext, ticket: CandidateTicket, values: Mapping[str, Any]) -> None:
    """Add the message to ``ticket``, and let the messages behind know of it."""
    decision.sender_type = values.get("sender_type", decision.sender_type)
    decision.visible = values.get("visible", decision.visible)
    decision.article_fields = values.get("article_fields", {})
    keys = decision.prepared.clues.keys
    decision.awaited = [key for key in keys.all_parents if not desk.tickets.has(key)][:MAX_AWAITED]
    desk.tickets.add(ticket, decision.sender, keys.own, decision.awaited)
