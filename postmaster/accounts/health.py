"""How an account stands, in a word: the same on pages, on the command line and in the metrics."""

from __future__ import annotations

from enum import StrEnum

from postmaster.accounts.credential_health import USABLE, CredentialHealth, credential_health
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.resources.models import Validity


class Health(StrEnum):
    """How an account stands. Those of ``SCHEDULED`` are fetched."""

    INVALID = "invalid"
    PAUSED_BY_HAND = "paused-by-hand"
    NEEDS_CREDENTIAL = "needs-credential"
    NEEDS_UPDATE = "needs-update"
    PAUSED = "paused"
    NEEDS_CONFIRMATION = "needs-confirmation"
    FAILING = "failing"
    QUEUE_INVALID = "queue-invalid"
    NEVER = "never"
    HEALTHY = "healthy"


HEALTH_LABELS: dict[Health, str] = {
    Health.INVALID: "not valid",
    Health.PAUSED_BY_HAND: "paused",
    Health.NEEDS_CREDENTIAL: "needs credential",
    Health.NEEDS_UPDATE: "credential needs update",
    Health.PAUSED: "login refused",
    Health.NEEDS_CONFIRMATION: "needs confirmation",
    Health.FAILING: "failing",
    Health.QUEUE_INVALID: "queue not valid",
    Health.NEVER: "never fetched",
    Health.HEALTHY: "healthy",
}

# What needs somebody, the worst first; and the order in which all accounts are listed.
UNWELL = (
    Health.FAILING,
    Health.PAUSED,
    Health.NEEDS_UPDATE,
    Health.NEEDS_CREDENTIAL,
    Health.NEEDS_CONFIRMATION,
    Health.QUEUE_INVALID,
)
WORST_FIRST = (*UNWELL, Health.PAUSED_BY_HAND, Health.NEVER, Health.HEALTHY, Health.INVALID)

# How an account may stand that the schedule fetches, and one that is fetched because somebody asked for it: whoever
# does so may have mended elsewhere what was wrong.
SCHEDULED = (Health.FAILING, Health.QUEUE_INVALID, Health.NEVER, Health.HEALTHY)
REQUESTABLE = (*SCHEDULED, Health.PAUSED, Health.NEEDS_UPDATE)


def account_health(account: MailAccount) -> Health:
    """How ``account`` stands. It is paused by hand until somebody resumes it, paused while its settings are those whose
    login was refused, and needs confirmation while they are those of a mailbox that was found too full for a first
    fetch.
    """
    if account.validity is not Validity.VALID:
        return Health.INVALID
    if account.state is not None and account.state.paused_at is not None:
        return Health.PAUSED_BY_HAND
    if not is_usable(account.credential):
        return needs(account.credential)
    health = _health_of(account.state, account.config_revision) if account.state else Health.NEVER
    return Health.QUEUE_INVALID if health in (Health.NEVER, Health.HEALTHY) and has_lost_queue(account) else health


def has_lost_queue(account: MailAccount) -> bool:
    """Whether ``account`` dispatches into a queue that is not valid, so that its mail goes elsewhere."""
    return account.queue is not None and account.queue.validity is not Validity.VALID


def _health_of(state: AccountState, revision: str) -> Health:
    if state.paused_revision == revision:
        return Health.PAUSED
    if state.held_revision == revision:
        return Health.NEEDS_CONFIRMATION
    if state.failures:
        return Health.FAILING
    return Health.HEALTHY if state.last_success_at else Health.NEVER


def is_usable(credential: Credential | None) -> bool:
    """Whether an account can sign in with ``credential``: it is there, valid, and lacks nothing."""
    return credential is not None and credential_health(credential) in USABLE


def needs(credential: Credential | None) -> Health:
    """What an account with that credential, which is not usable, needs."""
    outdated = credential is not None and credential_health(credential) is CredentialHealth.NEEDS_UPDATE
    return Health.NEEDS_UPDATE if outdated else Health.NEEDS_CREDENTIAL
