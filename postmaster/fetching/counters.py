"""What a run counts (docs/glossary.md#outcomes) and what it reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from postmaster.errors import MailError
from postmaster.extensions import Json
from postmaster.pipeline.outcome import OUTCOMES, Outcome

if TYPE_CHECKING:
    from postmaster.pipeline.learning import ServerOffer

# The counters of a run by name, with the headings of their columns: what was found is the sum of the others.
COUNTERS: Mapping[str, str] = {
    "found": "Found",
    **{row.counter: row.heading for row in OUTCOMES.values()},
    "gone": "Gone",
    "left": "Left",
}
# Those of messages that have an outcome.
DONE = tuple(name for name in COUNTERS if name not in ("found", "left"))

# Why mail is left on the server. Withheld: it is there, but the server does not hand it over. Held: a first fetch
# that nobody has confirmed.
TOO_LARGE, WITHHELD, NOT_REACHED, TIMEOUT, INTERRUPTED, PAUSED, HELD = (
    "too-large",
    "withheld",
    "not-reached",
    "timeout",
    "interrupted",
    "paused",
    "held",
)
# Reasons for which the next run has to come at once.
CUT_SHORT = (TIMEOUT, INTERRUPTED, PAUSED)


@dataclass
class RunCounters:
    """The counters of a run. ``found`` is always the sum of the others; ``left_reasons`` says why mail is left.

    ``outcomes`` has a count for each from the beginning: one thread counts while another one reads.
    """

    outcomes: Counter[Outcome] = field(default_factory=lambda: Counter(dict.fromkeys(Outcome, 0)))
    gone: int = 0
    left_reasons: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    @property
    def left(self) -> int:
        """How many messages stay on the server: too large, or not reached."""
        return self.left_reasons.total()

    @property
    def done(self) -> int:
        """How many messages have an outcome."""
        return self.outcomes.total() + self.gone

    @property
    def found(self) -> int:
        """How many messages there were."""
        return self.done + self.left

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count the outcomes of some messages."""
        self.outcomes.update(outcomes)

    def counters(self) -> dict[str, int]:
        """All counters by name, as ``COUNTERS`` has them."""
        outcomes = {row.counter: self.outcomes[outcome] for outcome, row in OUTCOMES.items()}
        return {"found": self.found, **outcomes, "gone": self.gone, "left": self.left}


@dataclass
class AccountResult:
    """The result of one account in a run. ``skipped`` says why it was not fetched at all; ``notes`` what to know.

    ``messages`` is filled by a dry run only, and ``offer`` with a server whose verdicts could be trusted.
    """

    id: int
    label: str
    counters: RunCounters = field(default_factory=RunCounters)
    seconds: float = 0.0
    skipped: str = ""
    error: MailError | None = None
    notes: list[str] = field(default_factory=list)
    messages: list[Json] | None = None
    offer: ServerOffer | None = None

    def as_dict(self) -> Json:
        """The form that ``flask fetch --json`` prints (docs/reference.md#json)."""
        row: Json = {
            "id": self.id,
            "account": self.label,
            **self.counters.counters(),
            "skipped": int(bool(self.skipped)),
            "skipped_reason": self.skipped,
            "left_reasons": dict(self.counters.left_reasons),
            "bytes": self.counters.bytes,
            "seconds": round(self.seconds, 3),
            "notes": self.notes,
            "error": self.error.as_dict() if self.error else None,
        }
        if self.messages is None:
            return row
        return {**row, "messages": self.messages, "server_offer": self.offer.as_json() if self.offer else None}


def totals(results: Iterable[AccountResult]) -> Json:
    """The sums over all accounts, with the same names."""
    rows = [result.as_dict() for result in results]
    names = (*COUNTERS, "skipped", "bytes")
    left_reasons: Counter[str] = Counter()
    for row in rows:
        left_reasons.update(row["left_reasons"])
    seconds = round(sum(row["seconds"] for row in rows), 3)
    return {
        **{name: sum(row[name] for row in rows) for name in names},
        "left_reasons": dict(left_reasons),
        "seconds": seconds,
    }
