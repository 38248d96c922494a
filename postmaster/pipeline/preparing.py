"""What is found out about messages before any transaction: filters and clues, by the settings of the moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from postmaster.accounts.models import Trust
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.decision import Prepared, Rules
from postmaster.pipeline.filters.loading import load_filters
from postmaster.pipeline.filters.matching import CompiledFilter, Filtered, MailView, run_filters
from postmaster.pipeline.followup_checks import FollowUpChecks, find_clues
from postmaster.pipeline.forwards import forwarded_writer
from postmaster.pipeline.marks import marks_of
from postmaster.pipeline.sender import Writer, possible_writers
from postmaster.pipeline.threads import thread_keys
from postmaster.pipeline.verdict import SenderVerdict, is_proven, judge_sender
from postmaster.system.settings import CHECK_DKIM, TRUSTED_AUTHSERV_IDS, Configuration, read_configuration


@dataclass(frozen=True)
class Setup:
    """Settings and filters as they are at one moment."""

    configuration: Configuration
    filters: Sequence[CompiledFilter]


def read_setup(session: Session) -> Setup:
    """Settings and filters, in two queries."""
    return Setup(read_configuration(session), load_filters(session))


def check_senders(arrivals: Sequence[Arrival], rules: Rules, setup: Setup) -> Sequence[Arrival]:
    """``arrivals``, with what their signatures prove where no trusted server has told, if that is to be checked here.

    It asks DNS and waits, so call it outside of any transaction.
    """
    if not setup.configuration[CHECK_DKIM]:
        return arrivals
    from postmaster.pipeline.dkim import check_signatures  # most desks never need what it takes

    def untold(arrival: Arrival) -> bool:
        return arrival.message is not None and not _verdict(arrival, arrival.message, rules, setup).is_told

    return check_signatures(arrivals, untold)


def prepare(arrival: Arrival, message: ParsedMessage, rules: Rules, setup: Setup) -> Prepared:
    """Hold ``message`` against the filters, and look for what names its ticket."""
    configuration = setup.configuration
    verdict = _verdict(arrival, message, rules, setup)
    writers = possible_writers(message)
    believed = _BELIEVED[rules.trust](next(iter(writers), None), verdict)
    view = MailView(message, trusted=believed, verdict=verdict)
    filtered = run_filters(setup.filters, view, account_id=rules.account_id)
    marks = marks_of(message)
    clues = find_clues(arrival, message, configuration, marks.report, filtered.field_keys)
    forwarded = forwarded_writer(arrival, message) if marks.report is None else None
    return Prepared(arrival, message, rules, clues, filtered, marks, writers, forwarded, verdict, believed)


# Whether a message's own X-OTRS headers count, by who wrote it and the verdict on that.
_BELIEVED: dict[Trust, Callable[[Writer | None, SenderVerdict], bool]] = {
    Trust.NO: lambda _writer, _verdict: False,
    Trust.YES: lambda _writer, _verdict: True,
    Trust.PROVEN: is_proven,
}


def _verdict(arrival: Arrival, message: ParsedMessage, rules: Rules, setup: Setup) -> SenderVerdict:
    """What a trusted server says of the sender, else what was checked here."""
    told = judge_sender(message, rules.authserv_ids or setup.configuration[TRUSTED_AUTHSERV_IDS])
    return arrival.checked if arrival.checked.is_told and not told.is_told else told


def prepare_unfiltered(arrival: Arrival, message: ParsedMessage, rules: Rules, setup: Setup) -> Prepared:
    """``message`` without filters and clues, for somebody who has decided where it goes."""
    clues = FollowUpChecks(thread_keys(message), ())
    marks, forwarded = marks_of(message), forwarded_writer(arrival, message)
    writers, verdict = possible_writers(message), _verdict(arrival, message, rules, setup)
    return Prepared(arrival, message, rules, clues, Filtered({}), marks, writers, forwarded, verdict)


def prepare_all(arrivals: Sequence[Arrival], rules: Rules, setup: Setup) -> list[Prepared]:
    """Those of ``arrivals`` that could be read."""
    return [prepare(arrival, arrival.message, rules, setup) for arrival in arrivals if arrival.message is not None]
