"""How an account stands."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from postmaster.accounts.health import HEALTH_LABELS, Health, account_health
from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.accounts.models import AccountState, Credential, CredentialToken, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.database import prepare_database
from postmaster.extensions import now
from postmaster.resources.models import Validity

REVISION = "1/1.1"


def account(credential: dict[str, Any] | None, state: dict[str, Any] | None, validity: Validity) -> MailAccount:
    """An account outside any database."""
    usual = {
        "id": 1,
        "revision": 1,
        "kind": CredentialKind.BASIC,
        "username": "u",
        "sealed_password": seal("secret"),
        "validity": Validity.VALID,
    }
    given = usual | (credential or {})
    if given.get("sealed_client_secret", "") is None:
        given["sealed_client_secret"] = seal("secret")
    return MailAccount(
        type="IMAP",
        host="mail.example.com",
        revision=1,
        validity=validity,
        credential=None if credential is None else Credential(**given),
        state=None if state is None else AccountState(**{"failures": 0} | state),
    )


AUTHORISED = {"authorised_at": now()}
APP_ONLY = {"kind": CredentialKind.MICROSOFT, "grant": Grant.CLIENT_CREDENTIALS, "sealed_client_secret": None}


def by_browser(**token: Any) -> dict[str, Any]:
    """A credential that somebody authorises in the browser; with what is known of its tokens, if there are any."""
    return {"kind": CredentialKind.GOOGLE, "token": CredentialToken(**token) if token else None}


PAUSED = {"failures": 1, "paused_revision": REVISION}


@pytest.mark.parametrize(
    ("credential", "state", "validity", "health"),
    [
        ({}, {"last_success_at": now()}, Validity.VALID, Health.HEALTHY),
        ({}, None, Validity.VALID, Health.NEVER),
        ({}, {}, Validity.VALID, Health.NEVER),
        ({}, {"failures": 2, "last_success_at": now()}, Validity.VALID, Health.FAILING),
        ({}, PAUSED, Validity.VALID, Health.PAUSED),
        ({}, PAUSED | {"paused_revision": "1/1.0"}, Validity.VALID, Health.FAILING),
        (None, PAUSED, Validity.VALID, Health.NEEDS_CREDENTIAL),
        ({"sealed_password": ""}, PAUSED, Validity.VALID, Health.NEEDS_CREDENTIAL),
        ({"sealed_password": "of another key"}, PAUSED, Validity.VALID, Health.NEEDS_CREDENTIAL),
        ({"validity": Validity.INVALID}, PAUSED, Validity.VALID, Health.NEEDS_CREDENTIAL),
        (by_browser(), None, Validity.VALID, Health.NEEDS_CREDENTIAL),
        (by_browser(**AUTHORISED), None, Validity.VALID, Health.NEVER),
        (by_browser(**AUTHORISED, problem="authorisation-ended"), PAUSED, Validity.VALID, Health.NEEDS_UPDATE),
        (by_browser(problem="authorisation-ended"), PAUSED, Validity.VALID, Health.NEEDS_CREDENTIAL),
        (APP_ONLY, None, Validity.VALID, Health.NEVER),
        (APP_ONLY | {"token": CredentialToken(problem="client-refused")}, None, Validity.VALID, Health.NEEDS_UPDATE),
        (APP_ONLY | {"sealed_client_secret": ""}, None, Validity.VALID, Health.NEEDS_CREDENTIAL),
        (None, PAUSED, Validity.INVALID, Health.INVALID),
        ({}, PAUSED, Validity.INVALID_TEMPORARILY, Health.INVALID),
        ({}, {"paused_at": now()}, Validity.VALID, Health.PAUSED_BY_HAND),
        (None, PAUSED | {"paused_at": now()}, Validity.VALID, Health.PAUSED_BY_HAND),
        ({}, {"paused_at": now()}, Validity.INVALID, Health.INVALID),
    ],
)
def test_an_account_stands_as_its_state_and_credential_say(
    app: Flask, credential: dict[str, Any] | None, state: dict[str, Any] | None, validity: Validity, health: Health
) -> None:
    with app.app_context():
        prepare_database()
        assert account_health(account(credential, state, validity)) is health


def test_every_health_has_a_label() -> None:
    assert HEALTH_LABELS.keys() == set(Health)
