"""An outcome is counted everywhere as soon as it has a row in ``OUTCOMES``."""

from __future__ import annotations

import pytest

from postmaster.fetching.counters import COUNTERS, RunCounters
from postmaster.ledger.models import FetchRun, MailHour
from postmaster.pipeline.outcome import OUTCOMES, RECORDED, Outcome
from postmaster.web.badges import OUTCOME_BADGES


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_is_counted_by_runs(outcome: Outcome) -> None:
    counters = RunCounters()
    counters.count([outcome, outcome])
    assert {name for name, count in counters.counters().items() if count == 2} == {"found", OUTCOMES[outcome].counter}
    assert counters.done == 2


@pytest.mark.parametrize("name", COUNTERS)
def test_each_counter_is_a_column_of_the_run_history(name: str) -> None:
    assert name in FetchRun.__table__.columns


@pytest.mark.parametrize("name", [row.counter for row in RECORDED])
def test_each_outcome_of_the_ledger_is_counted_by_the_hour(name: str) -> None:
    assert name in MailHour.__table__.columns


def test_each_outcome_of_the_ledger_has_a_badge() -> None:
    assert list(OUTCOME_BADGES) == [outcome for outcome in Outcome if OUTCOMES[outcome].recorded]
