"""How accounts stand at this moment: what pages show beside their settings, and renew while they are fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flask import url_for
from sqlalchemy.orm import Session

from postmaster.accounts.credential_health import need_of
from postmaster.accounts.health import Health, account_health
from postmaster.accounts.models import MailAccount
from postmaster.ledger.hourly_counts import midnight
from postmaster.operations.glance import Figures, figures
from postmaster.operations.progress import Progress, progress
from postmaster.web.pulse import QUICK, SLOW, Pulse, fetches_by_itself, nobody_fetches, refusal_of, text_mark


@dataclass(frozen=True, slots=True)
class Standing:
    """``progress`` is there while the account is queued or running; ``refusal`` says why nobody can press Fetch now.

    ``mark`` is another one whenever what is shown of the account has to be renewed.
    """

    health: Health
    progress: Progress | None
    figures: Figures
    refusal: str
    mark: str


def standings(session: Session, accounts: Sequence[MailAccount]) -> Mapping[int, Standing]:
    """How ``accounts`` stand, by their id; in three queries, none if there are no accounts."""
    if not accounts:
        return {}
    going_on = progress(session)
    counted = figures(session, midnight(), [account.id for account in accounts])
    return {
        account.id: standing(account, going_on.get(account.id), counted.get(account.id, Figures()))
        for account in accounts
    }


def standing(account: MailAccount, activity: Progress | None, counted: Figures) -> Standing:
    """How ``account`` stands."""
    health = account_health(account)
    return Standing(health, activity, counted, refusal_of(health, activity), mark_of(account, activity))


def mark_of(account: MailAccount, activity: Progress | None) -> str:
    """What tells whether anything happened to ``account``."""
    state = account.state
    telling = (
        account.config_revision,
        account.credential and str(need_of(account.credential)),
        state and (state.last_run_at, state.next_run_at, state.failures, state.error_code, state.held_count),
        state and (state.paused_at, state.paused_reason),
        activity,
        nobody_fetches(),
    )
    return text_mark(repr(telling))


def list_pulse(going_on: Mapping[int, Progress], shown: Iterable[MailAccount]) -> Pulse:
    """The pulse of the list. It says which rows are there when it beats, so one that asks whether to delete is left."""
    inputs = "#q, #accounts-list > input, #accounts-list [name=shown], #accounts-list .choose :checked, #guide > input"
    return Pulse(url_for("accounts.live"), pace(bool(going_on), shown), inputs)


def pace(busy: bool, shown: Iterable[MailAccount]) -> int:
    """Seconds between two beats: quick while something is queued or running (``busy``) that somebody is there to fetch,
    and while one of the accounts that are ``shown`` is about to be fetched for the first time.
    """
    awaited = fetches_by_itself() and any(account_health(account) is Health.NEVER for account in shown)
    return QUICK if awaited or (busy and not nobody_fetches()) else SLOW
