"""Whether mail is being fetched, in a word and a sentence: for the banner of all pages, ``flask status`` and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from postmaster.extensions import Json
from postmaster.fetching.pause import current_pause, paused_error
from postmaster.ledger.models import FetchPause
from postmaster.operations.heartbeat import alive
from postmaster.operations.lateness import late_accounts
from postmaster.operations.models import LivingProcess, ProcessRole
from postmaster.quantity import quantity


class Fetching(StrEnum):
    """Whether mail is being fetched by itself. Only ``active`` means yes, of all accounts."""

    ACTIVE = "active"
    PAUSED = "paused"
    NO_WORKER = "no-worker"
    NO_SCHEDULER = "no-scheduler"
    LATE = "late"


START = "Start it by: python worker.py, or systemctl start postmaster-worker. bin/start does this too."

MORE_WORKERS = "Run History shows what the workers are doing; if they have too much to do, raise POSTMASTER_WORKERS."


@dataclass(frozen=True)
class FetchingState:
    """``sentence`` says what is so, ``advice`` what to do about it; ``pause`` is there if all fetching is paused.

    ``late`` counts the accounts that wait for a worker longer than two of their intervals.
    """

    fetching: Fetching
    sentence: str
    advice: str
    workers: int
    schedulers: int
    pause: FetchPause | None
    late: int = 0

    @property
    def ok(self) -> bool:
        """Whether nobody has to do anything."""
        return self.fetching is Fetching.ACTIVE

    def as_dict(self) -> Json:
        """The form that ``flask status --json`` prints."""
        pause = self.pause
        return {
            "fetching": self.fetching.value,
            "sentence": self.sentence,
            "advice": self.advice,
            "workers": self.workers,
            "schedulers": self.schedulers,
            "paused_by": pause.paused_by if pause else None,
            "reason": pause.reason if pause else None,
            "since": pause.paused_at.isoformat() if pause else None,
        }


def fetching_state(session: Session) -> FetchingState:
    """How things stand, in a few queries of a few rows."""
    processes = alive(session)
    workers = [process for process in processes if process.role is ProcessRole.WORKER]
    schedulers = [process for process in processes if process.role is ProcessRole.SCHEDULER]
    pause = current_pause(session)
    late = len(late_accounts(session)) if workers and not pause else 0  # without them all are, and it is said as that
    fetching, sentence, advice = _judge(workers, schedulers, pause, late)
    return FetchingState(fetching, sentence, advice, len(workers), len(schedulers), pause, late)


def _judge(
    workers: Sequence[LivingProcess], schedulers: Sequence[LivingProcess], pause: FetchPause | None, late: int
) -> tuple[Fetching, str, str]:
    if pause is not None:
        error = paused_error(pause)
        return Fetching.PAUSED, error.message, error.advice
    if not workers:
        return Fetching.NO_WORKER, "Fetching has stopped: no worker is running.", START
    if all(worker.trouble for worker in workers):
        sentence = f"Fetching has stopped: a worker is running, but {workers[0].trouble}."
        return Fetching.NO_WORKER, sentence, "It goes on by itself as soon as it can."
    if all(scheduler.trouble for scheduler in schedulers):
        sentence = "No scheduler runs, so mail is fetched only when somebody asks for it."
        return Fetching.NO_SCHEDULER, sentence, START
    if late:
        return Fetching.LATE, f"Mail is late: {waiting_words(late)} longer than two of their intervals.", MORE_WORKERS
    return Fetching.ACTIVE, "Mail is being fetched.", ""


def waiting_words(count: int) -> str:
    """As in "3 accounts wait"."""
    return quantity(count, "account waits", "accounts wait")
