"""What is found out about messages before any transaction: filters and clues, by the settings of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.decision import Prepared, Rules
from postmaster.pipeline.filters.loading import load_filters
from postmaster.pipeline.filters.matching import CompiledFilter, Filtered, MailView, run_filters
from postmaster.pipeline.followup_checks import FollowUpChecks, find_clues
from postmaster.pipeline.forwards import forwarded_writer
from postmaster.pipeline.marks import marks_of
from postmaster.pipeline.sender import possible_writers
from postmaster.pipeline.threads import thread_keys
from postmaster.pipeline.verdict import judge_sender
from postmaster.system.settings import TRUSTED_AUTHSERV_IDS, Configuration, read_configuration


@dataclass(frozen=True)
class Setup:
    """Settings and filters as they are at one moment."""

    configuration: Configuration
    filters: Sequence[CompiledFilter]


def read_setup(session: Session) -> Setup:
    """Settings and filters, in two queries."""
    return Setup(read_configuration(session), load_filters(session))


def prepare(arrival: Arrival, message: ParsedMessage, rules: Rules, setup: Setup) -> Prepared:
    """Hold ``message`` against the filters, and look for what names its ticket."""
    configuration = setup.configuration
    verdict = judge_sender(message, configuration[TRUSTED_AUTHSERV_IDS])
    view = MailView(message, trusted=rules.trusted, verdict=verdict)
    filtered = run_filters(setup.filters, view, account_id=rules.account_id)
    marks = marks_of(message)
    clues = find_clues(arrival, message, configuration, marks.report, filtered.field_keys)
    forwarded = forwarded_writer(arrival, message) if marks.report is None else None
    return Prepared(arrival, message, rules, clues, filtered, marks, possible_writers(message), forwarded, verdict)


def prepare_unfiltered(arrival: Arrival, message: ParsedMessage, rules: Rules) -> Prepared:
    """``message`` without filters and clues, for somebody who has decided where it goes."""
    clues = FollowUpChecks(thread_keys(message), ())
    marks, forwarded = marks_of(message), forwarded_writer(arrival, message)
    return Prepared(arrival, message, rules, clues, Filtered({}), marks, possible_writers(message), forwarded)


def prepare_all(arrivals: Sequence[Arrival], rules: Rules, setup: Setup) -> list[Prepared]:
    """Those of ``arrivals`` that could be read."""
    return [prepare(arrival, arrival.message, rules, setup) for arrival in arrivals if arrival.message is not None]
