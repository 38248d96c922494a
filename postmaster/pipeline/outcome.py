"""What becomes of a message, in a word: the one table that counters, columns, words and badges are made from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a message (docs/glossary.md#outcomes)."""

    NEW = "new"
    FOLLOW_UP = "follow-up"
    IGNORED = "ignored"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    ALREADY_RECORDED = "already-recorded"


@dataclass(frozen=True, slots=True)
class OutcomeSpec:
    """An outcome, wherever it is counted or shown. ``recorded``: messages with it get a row in the ledger.

    ``label`` says it of a message, ``heading`` stands above a column of counts, ``stored`` is the step in which it was
    stored. ``state`` and ``icon`` are those of the style sheet and the sprite.
    """

    outcome: Outcome
    heading: str
    label: str
    stored: str
    state: str
    icon: str
    recorded: bool = True

    @property
    def counter(self) -> str:
        """What counts it, in reports and as a column."""
        return self.outcome.value.replace("-", "_")


# Counters, columns of tables, metrics, words and badges are made from it: an outcome is a row here, the stage that
# settles it, and its column (``ledger.models.OutcomeCounts``) with a migration.
OUTCOMES: dict[Outcome, OutcomeSpec] = {
    row.outcome: row
    for row in (
        OutcomeSpec(Outcome.NEW, "New", "New ticket", "Stored as a new ticket", "ok", "ticket"),
        OutcomeSpec(Outcome.FOLLOW_UP, "Follow-up", "Follow-up", "Stored as a follow-up", "ok", "corner-up-right"),
        OutcomeSpec(Outcome.IGNORED, "Ignored", "Ignored", "Ignored", "paused", "circle-minus"),
        OutcomeSpec(Outcome.REJECTED, "Rejected", "Rejected", "Stored, follow-up rejected", "warn", "circle-x"),
        OutcomeSpec(Outcome.QUARANTINED, "Quarantined", "Quarantined", "Stored in quarantine", "fail", "shield-alert"),
        OutcomeSpec(
            Outcome.ALREADY_RECORDED,
            "Already recorded",
            "Only deleted",
            "Stored before",
            "ok",
            "trash-2",
            recorded=False,
        ),
    )
}

# What messages of the ledger became.
RECORDED = tuple(row for row in OUTCOMES.values() if row.recorded)
