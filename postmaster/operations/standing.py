"""How everything stands, for ``flask status`` and the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sqlalchemy.orm import Session

from postmaster.accounts.health import WORST_FIRST
from postmaster.accounts.sealing import finding_unopened_once
from postmaster.extensions import Json, iso
from postmaster.fetching.overview import AccountView, Overview, look_over
from postmaster.ledger.hourly_counts import mails_of_queue
from postmaster.operations.progress import Progress, progress
from postmaster.operations.state import FetchingState, fetching_state
from postmaster.operations.today import Today, today
from postmaster.operations.verdict import Verdict, judge
from postmaster.resources.listing import PAGE_SIZE
from postmaster.system.settings import keep_settings

# Accounts that are told of, the worst first, unless somebody asks for more; and the most that there may be.
USUAL_ACCOUNTS, MAX_ACCOUNTS = PAGE_SIZE, 100_000

# What is told of an account as it is.
_TOLD = [field.name for field in fields(AccountView) if field.name != "complaint"]


@dataclass(frozen=True)
class Standing:
    """How everything stands."""

    overview: Overview
    state: FetchingState
    going_on: Mapping[int, Progress]
    verdict: Verdict
    today: Today

    def as_json(self) -> Json:
        """The form that ``flask status --json`` prints, and the API answers."""
        verdict = self.verdict
        told = {"headline": verdict.headline, "ok": verdict.ok, "incidents": len(verdict.incidents)}
        healths = {health.value: verdict.healths[health] for health in WORST_FIRST if health in verdict.healths}
        figures = {"worker": self.state.as_dict(), "today": self.today.as_json(), "healths": healths}
        return _describe(self.overview, self.going_on) | figures | told


def look_at_all(session: Session, most: int) -> Standing:
    """How everything stands now; of the accounts, ``most`` at most."""
    keep_settings(session)
    with finding_unopened_once(session):
        overview, state, going_on = look_over(session, most), fetching_state(session), progress(session)
        verdict = judge(session, state)
    return Standing(overview, state, going_on, verdict, today(session, verdict, mails_of_queue(session)))


def _describe(overview: Overview, going_on: Mapping[int, Progress]) -> Json:
    accounts = [
        {
            **{name: getattr(account, name) for name in _TOLD},
            "error": str(account.complaint or ""),
            **{name: iso(getattr(account, name)) for name in ("last_run", "last_success", "failing_since", "next_run")},
            "activity": _activity(going_on.get(account.id)),
        }
        for account in overview.accounts
    ]
    queues = [vars(queue) for queue in overview.queues]
    return {"accounts": accounts, "queues": queues, "quarantined": overview.quarantined}


def _activity(progress: Progress | None) -> Json | None:
    if progress is None:
        return None
    return {
        "state": progress.activity.value,
        "by": progress.by,
        "since": iso(progress.since),
        "done": progress.done,
        "expected": progress.expected,
        "rate": round(progress.rate, 1),
    }
