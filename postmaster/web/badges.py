"""Badges: how something stands, as a word with its picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from postmaster.accounts.credential_health import CredentialHealth
from postmaster.accounts.health import HEALTH_LABELS, Health
from postmaster.desk.api_tokens import TokenState
from postmaster.ledger.models import RunStatus
from postmaster.operations.target_service import TargetHealth
from postmaster.outlets.health import OutletHealth
from postmaster.outlets.models import DeliveryState
from postmaster.pipeline.outcome import RECORDED, Outcome
from postmaster.pipeline.verdict import Finding


@dataclass(frozen=True)
class Badge:
    """``state`` and ``icon`` are those of the style sheet and the sprite; ``advice`` says what to do about it."""

    text: str
    state: str
    icon: str
    advice: str = ""


OUTCOME_BADGES: Mapping[Outcome, Badge] = {row.outcome: Badge(row.label, row.state, row.icon) for row in RECORDED}

# Whether the sender of a message is genuine, in words for whoever answers it.
SENDER_BADGES: Mapping[Finding, Badge] = {
    Finding.PASS: Badge("Sender proven", "ok", "shield-check", "It does come from the domain that it names."),
    Finding.NONE: Badge(
        "Sender not proven", "paused", "shield", "Nobody could find out whether it comes from the domain that it names."
    ),
    Finding.FAIL: Badge(
        "Sender not genuine", "fail", "shield-alert", "It does not come from the domain that it names: do not trust it."
    ),
}

TOKEN_BADGES: Mapping[TokenState, Badge] = {
    TokenState.GOOD: Badge("Good", "ok", "circle-check"),
    TokenState.EXPIRED: Badge("Expired", "warn", "clock"),
    TokenState.REVOKED: Badge("Revoked", "paused", "circle-minus"),
}

# Whether a user may sign in.
USER_BADGES: Mapping[bool, Badge] = {
    True: Badge("Active", "ok", "circle-check"),
    False: Badge("Disabled", "paused", "circle-minus"),
}

RUN_BADGES: Mapping[RunStatus, Badge] = {
    RunStatus.RUNNING: Badge("Running", "busy", "refresh-cw"),
    RunStatus.OK: Badge("Complete", "ok", "circle-check"),
    RunStatus.FAILED: Badge("Failed", "fail", "circle-x"),
    RunStatus.INTERRUPTED: Badge("Interrupted", "warn", "triangle-alert"),
}
# A run that went well, and left mail on the server.
PARTLY = Badge("Partly", "warn", "triangle-alert")


def _health(health: Health, state: str, icon: str, advice: str = "") -> tuple[Health, Badge]:
    return health, Badge(HEALTH_LABELS[health].capitalize(), state, icon, advice)


HEALTH_BADGES: Mapping[Health, Badge] = dict(
    (
        _health(
            Health.FAILING,
            "fail",
            "circle-x",
            "The last fetch failed. The page of the account says why, and what to do.",
        ),
        _health(Health.PAUSED, "fail", "key-round", "The login was refused. Change the credential or the account."),
        _health(Health.NEEDS_CONFIRMATION, "warn", "circle-pause", "An admin has to confirm the first fetch."),
        _health(Health.NEEDS_UPDATE, "fail", "key-round", "Authorise its credential again, or change it."),
        _health(Health.NEEDS_CREDENTIAL, "warn", "key-round", "Give the account a valid credential."),
        _health(
            Health.QUEUE_INVALID, "warn", "triangle-alert", "Its mail is dispatched by address. Choose another queue."
        ),
        _health(Health.PAUSED_BY_HAND, "paused", "circle-pause", "Its mail stays on the server until it is resumed."),
        _health(Health.NEVER, "never", "circle-dashed"),
        _health(Health.HEALTHY, "ok", "circle-check"),
        _health(Health.INVALID, "paused", "circle-pause"),
    )
)

# Whether a credential needs an update.
CREDENTIAL_BADGES: Mapping[CredentialHealth, Badge] = {
    CredentialHealth.INVALID: Badge("–", "paused", "circle-pause"),
    CredentialHealth.NEEDS_PASSWORD: Badge("Yes, needs password", "warn", "key-round"),
    CredentialHealth.NEEDS_SECRET: Badge("Yes, needs client secret", "warn", "key-round"),
    CredentialHealth.NEEDS_AUTHORISATION: Badge("Yes, never authorised", "warn", "shield"),
    CredentialHealth.NEEDS_KEY: Badge("Yes, no key opens its secrets", "fail", "key-round"),
    CredentialHealth.NEEDS_UPDATE: Badge("Yes", "fail", "circle-x"),
    CredentialHealth.SECRET_EXPIRED: Badge("Yes, the client secret has expired", "fail", "triangle-alert"),
    CredentialHealth.SECRET_EXPIRES_SOON: Badge("Soon, the client secret expires", "warn", "triangle-alert"),
    CredentialHealth.HEALTHY: Badge("No", "ok", "circle-check"),
}

OUTLET_BADGES: Mapping[OutletHealth, Badge] = {
    OutletHealth.HEALTHY: Badge("Healthy", "ok", "circle-check"),
    OutletHealth.FAILING: Badge("Failing", "fail", "circle-x", "It is tried again and again; nothing is lost."),
    OutletHealth.PAUSED: Badge("Paused", "warn", "circle-pause", "Its events wait until somebody resumes it."),
    OutletHealth.NEEDS_SECRET: Badge("Needs secret", "warn", "key-round", "Enter a secret, or “new” to have one made."),
    OutletHealth.NEEDS_KEY: Badge("Needs key", "fail", "key-round", "No key opens its secrets."),
    OutletHealth.INVALID: Badge("Invalid", "paused", "circle-pause"),
}

TARGET_BADGES: Mapping[TargetHealth, Badge] = {
    TargetHealth.HEALTHY: Badge("Ready", "ok", "circle-check"),
    TargetHealth.NEEDS_ADDRESS: Badge("Needs address", "warn", "key-round", "Enter its address, as after an import."),
    TargetHealth.NEEDS_KEY: Badge("Needs key", "fail", "key-round", "No key opens its address: enter it again."),
    TargetHealth.INVALID: Badge("Invalid", "paused", "circle-pause"),
}

DELIVERY_BADGES: Mapping[DeliveryState, Badge] = {
    DeliveryState.WAITING: Badge("Waiting", "warn", "clock"),
    DeliveryState.SENDING: Badge("Being sent", "busy", "refresh-cw"),
    DeliveryState.DELIVERED: Badge("Delivered", "ok", "circle-check"),
}
