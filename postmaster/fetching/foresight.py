"""What would become of messages: decided as for a fetch or a pipe, and nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from postmaster import config
from postmaster.extensions import Json, now
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.context import load_context
from postmaster.pipeline.decision import Decision, Rules
from postmaster.pipeline.json import describe_decision
from postmaster.pipeline.learning import ServerOffer, ServersSeen
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.preparing import check_senders, prepare_all, read_setup
from postmaster.pipeline.stages import decide
from postmaster.system.settings import TRUSTED_AUTHSERV_IDS


class Foresight:
    """Decides as ``record`` would, message after message, and stores nothing. What was decided counts for the rest."""

    def __init__(self, session: Session, rules: Rules) -> None:
        self._session = session
        self._rules = rules
        self._setup = read_setup(session)
        self._seen = ServersSeen()
        self._desk = load_context(session, self._setup.configuration, [], now(), config.current().time_zone)

    def of(self, arrivals: Sequence[Arrival]) -> list[Json]:
        """What would be decided about ``arrivals``, as ``describe_decision`` has it, with the ticket of a follow-up."""
        self._seen.look(arrival.message for arrival in arrivals if arrival.message)
        prepared = prepare_all(check_senders(arrivals, self._rules, self._setup), self._rules, self._setup)
        self._desk.load(self._session, prepared)
        readable = (_told(decide(each, self._desk)) for each in prepared)
        unreadable: Json = {"outcome": Outcome.QUARANTINED.value, "reason": "unreadable", "queue": None, "title": ""}
        return [unreadable if arrival.message is None else next(readable) for arrival in arrivals]

    def offer(self) -> ServerOffer | None:
        """The server that signs most of these, if it is not trusted yet."""
        return self._seen.offer(self._rules.authserv_ids or self._setup.configuration[TRUSTED_AUTHSERV_IDS])


def _told(decision: Decision) -> Json:
    """A ticket that is not there yet has no number yet."""
    number = decision.ticket.number if decision.ticket and decision.ticket.id else None
    return {**describe_decision(decision), "ticket": number}
