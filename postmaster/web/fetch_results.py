"""What came of a fetch that somebody has asked for, told once to whoever asked, when it has ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from flask import flash, session, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.extensions import iso, now
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.progress import Activity, progress
from postmaster.operations.requests import Answer, Requested, request_fetch
from postmaster.operations.run_history import RunSum, ended_run, newest_run, sum_of_runs, tickets_of_run
from postmaster.pipeline.outcome import RECORDED, Outcome
from postmaster.quantity import quantity
from postmaster.web.access import current_user

# What the browser's session remembers: the id of the last run that had ended when a fetch was asked for, by account.
AWAITED = "awaited-fetches"
MAX_AWAITED = 20

# When several were asked for together: the id of the last run that there was, how many were queued, when in seconds.
TOGETHER_AWAITED = "together-awaited"

# Seconds after which accounts that are queued still are not waited for, and after which nothing is told any more.
PATIENCE, FORGOTTEN = 600, 3600

# What is said of accounts whose runs ended other than well.
UNWELL_WORDS: Mapping[RunStatus, tuple[str, str]] = {
    RunStatus.FAILED: ("account failed", "accounts failed"),
    RunStatus.INTERRUPTED: ("account was interrupted", "accounts were interrupted"),
}

# Tickets that a sentence leads to.
MAX_LINKED = 3


def await_fetch(account_id: int, before: int) -> None:
    """Remember that whoever is signed in waits for a run of that account.

    ``before`` is the id of the last run that had ended before it was asked for.
    """
    awaited = {**session.get(AWAITED, {}), str(account_id): before}
    session[AWAITED] = dict(list(awaited.items())[-MAX_AWAITED:])


def request_together(account_ids: Collection[int] | None) -> Requested:
    """Request a fetch of several accounts, or with None of all, and remember that whoever is signed in waits for it."""
    with read_session() as database:
        before = newest_run(database)
    requested = request_fetch(account_ids, current_user().name)
    if queued := sum(answer is Answer.QUEUED for answer in requested.answers.values()):
        match session.get(TOGETHER_AWAITED):
            case [int(earlier), int(more), int(pressed)] if now().timestamp() - pressed < FORGOTTEN:
                # What was asked for before is told with it.
                before, queued = min(before, earlier), queued + more
        session[TOGETHER_AWAITED] = [before, queued, int(now().timestamp())]
    return requested


def tell_results(database: Session) -> None:
    """Tell of each awaited run that has ended. It asks the database only if something is awaited."""
    for account_id, before in list(session.get(AWAITED, {}).items()):
        run = ended_run(database, int(account_id), before)
        if run is not None:
            session[AWAITED] = {key: value for key, value in session[AWAITED].items() if key != account_id}
            flash(*_told(database, run))
    match session.get(TOGETHER_AWAITED):
        case None:
            return
        case [int(before), int(queued), int(pressed)] if (waited := now().timestamp() - pressed) < FORGOTTEN:
            _tell_together(database, before, queued, is_patient=waited < PATIENCE)
        case _:  # out of date, or what an earlier version remembered
            del session[TOGETHER_AWAITED]


def _tell_together(database: Session, before: int, queued: int, *, is_patient: bool) -> None:
    """Tell of accounts together, once no run that was asked for is to come any more; or, out of patience, once none
    is under way.
    """
    going_on, name = progress(database), current_user().name
    theirs = [each for each in going_on.values() if each.by == name]
    if any(is_patient or each.activity is Activity.RUNNING for each in theirs):
        return
    runs = sum_of_runs(database, before, name)
    if is_patient and going_on and runs.accounts < queued:  # a run that begins is nobody's for a moment
        return
    del session[TOGETHER_AWAITED]
    for sentence, kind in _told_together(runs):
        flash(sentence, kind)


def _told(database: Session, run: FetchRun) -> tuple[str | Markup, str]:
    if run.status is not RunStatus.OK and not run.found:
        return f"{run.label} could not be fetched.", "fail"
    became = list(_became({row.outcome: getattr(run, row.counter) for row in RECORDED}))
    if not became:
        return f"{run.label}: no new mail.", "ok"
    sentence = Markup("{}: {} → {}").format(run.label, quantity(run.found, "message"), ", ".join(became))
    return sentence + _links(database, run), "told"


def _told_together(runs: RunSum) -> Iterator[tuple[str | Markup, str]]:
    """What was fetched, and of how many accounts not all; with ways to all of it."""
    since: dict[str, Any] = {"from": iso(runs.began)} if runs.began else {}
    well = max(0, runs.accounts - sum(runs.unwell.values()))
    fetched, became = f"Fetched {quantity(well or runs.accounts, 'account')}", ", ".join(_became(runs.counts))
    if became:
        links = [("Messages", url_for("mail.page", **since))]
        if runs.counts[Outcome.NEW]:
            links.append(("New tickets", url_for("tickets.page", group="new")))
        if runs.counts[Outcome.QUARANTINED]:
            links.append(("Quarantine", url_for("quarantine.page")))
        yield Markup("{}: {} → {}: {}").format(fetched, quantity(runs.found, "message"), became, _linked(links)), "told"
    elif well:
        yield f"{fetched}: no new mail.", "ok"
    for status, count in runs.unwell.items():
        if count:
            failed = quantity(count, *UNWELL_WORDS[status])
            yield _to_runs(failed, status=status.value, **since), "fail"
    if not runs.accounts:
        yield _to_runs("No account was fetched"), "fail"


def _to_runs(sentence: str, **wanted: Any) -> Markup:
    return Markup("{}: {}").format(sentence, _linked([("look at the runs", url_for("runs.page", **wanted))]))


def _became(counts: Mapping[Outcome, int]) -> Iterator[str]:
    """How many messages became what."""
    for row in RECORDED:
        count = counts[row.outcome]
        if count and row.outcome is Outcome.NEW:
            yield quantity(count, "new ticket")
        elif count:
            yield f"{count:,} {row.label.lower()}"


def _links(database: Session, run: FetchRun) -> Markup:
    """The ways to the first tickets, and to the quarantine."""
    numbers = tickets_of_run(database, run.id, MAX_LINKED)
    named = [(number, url_for("tickets.show", ticket=number)) for number in numbers]
    if run.quarantined:
        named.append(("Quarantine", url_for("quarantine.page")))
    more = " …" if run.new > len(numbers) else ""
    return Markup(": {}{}").format(_linked(named), more) if named else Markup(".")


def _linked(named: Sequence[tuple[str, str]]) -> Markup:
    return Markup(", ").join(Markup('<a href="{}">{}</a>').format(url, words) for words, url in named)
