"""What came of a fetch that somebody has asked for, told once to whoever asked, when it has ended."""

from __future__ import annotations

from collections.abc import Iterator

from flask import flash, session, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.run_history import ended_run, tickets_of_run
from postmaster.pipeline.outcome import RECORDED, Outcome

# What the browser's session remembers: the id of the last run that had ended when a fetch was asked for, by account.
AWAITED = "awaited-fetches"
MAX_AWAITED = 20

# Tickets that a sentence leads to.
MAX_LINKED = 3


def await_fetch(account_id: int, before: int) -> None:
    """Remember that whoever is signed in waits for a run of that account.

    ``before`` is the id of the last run that had ended before it was asked for.
    """
    awaited = {**session.get(AWAITED, {}), str(account_id): before}
    session[AWAITED] = dict(list(awaited.items())[-MAX_AWAITED:])


def tell_results(database: Session) -> None:
    """Tell of each awaited run that has ended. It asks the database only if something is awaited."""
    for account_id, before in list(session.get(AWAITED, {}).items()):
        run = ended_run(database, int(account_id), before)
        if run is not None:
            session[AWAITED] = {key: value for key, value in session[AWAITED].items() if key != account_id}
            flash(*_told(database, run))


def _told(database: Session, run: FetchRun) -> tuple[str | Markup, str]:
    if run.status is not RunStatus.OK and not run.found:
        return f"{run.label} could not be fetched.", "fail"
    became = list(_became(run))
    if not became:
        return f"{run.label}: no new mail.", "ok"
    count = "1 message" if run.found == 1 else f"{run.found:,} messages"
    sentence = Markup("{}: {} → {}").format(run.label, count, ", ".join(became))
    return sentence + _links(database, run), "told"


def _became(run: FetchRun) -> Iterator[str]:
    """How many messages became what."""
    for row in RECORDED:
        count = getattr(run, row.counter)
        if count and row.outcome is Outcome.NEW:
            yield "1 new ticket" if count == 1 else f"{count:,} new tickets"
        elif count:
            yield f"{count:,} {row.label.lower()}"


def _links(database: Session, run: FetchRun) -> Markup:
    """The ways to the first tickets, and to the quarantine."""
    numbers = tickets_of_run(database, run.id, MAX_LINKED)
    named = [(number, url_for("tickets.show", ticket=number)) for number in numbers]
    if run.quarantined:
        named.append(("Quarantine", url_for("quarantine.page")))
    links = Markup(", ").join(Markup('<a href="{}">{}</a>').format(url, words) for words, url in named)
    more = " …" if run.new > len(numbers) else ""
    return Markup(": {}{}").format(links, more) if links else Markup(".")
