"""Authorising a credential: somebody signs in at the identity provider once, and comes back with tokens.

The way there carries a ``state`` that is good once, for ten minutes, and only for the user and the browser that began
(RFC 6749 section 10.12); PKCE (RFC 7636) keeps others from using a code that they have seen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from postmaster.accounts.kinds import Grant
from postmaster.accounts.models import Authorisation, Credential, MailAccount
from postmaster.accounts.sealing import UnsealError, seal, unseal
from postmaster.accounts.wait import end_wait
from postmaster.database import read_session, transaction
from postmaster.errors import InputError, MailError, NotFoundError, mail_error
from postmaster.extensions import now
from postmaster.oauth.provider import DeviceCode, Tokens
from postmaster.oauth.providers import provider_of
from postmaster.oauth.registration import Registration, registration_of
from postmaster.oauth.vault import note_refusal, store_first
from postmaster.resources.audit import audit, lock_administration

VALID_MINUTES = 10

CALLBACK_PATH = "/credentials/callback"


@dataclass(frozen=True)
class BrowserSignIn:
    """Whose browser it is: the user, and a secret that its session keeps."""

    user_id: int
    secret: str


@dataclass(frozen=True)
class Authorised:
    """The result. ``problem`` says what is still missing, though tokens were stored."""

    credential_id: int
    name: str
    signed_in_as: str
    problem: str


class StateError(InputError):
    """Who comes back from a provider is not who was sent there, or comes too late, or twice."""

    def __init__(self) -> None:
        super().__init__(
            "State",
            "This sign-in was used before, took too long, or began in another browser, so nothing was stored.",
            f"It works once, for {VALID_MINUTES} minutes, in the browser where it began. Choose Authorise again.",
            code="authorisation-state",
        )


def load_registration(session: Session, credential_id: int) -> Registration:
    """The registration of the credential. Raises NotFoundError, and InputError if it signs in with a password."""
    credential = session.get(Credential, credential_id)
    if credential is None:
        raise NotFoundError("unknown-credential", "This credential no longer exists", "Look for it in the list.")
    if not credential.spec.is_oauth:
        raise InputError("Kind", f"The credential “{credential.name}” is of kind basic, which nobody authorises.")
    return registration_of(credential)


def begin(credential_id: int, redirect_uri: str, browser: BrowserSignIn | None) -> str:
    """The provider's address to send somebody to. Without ``browser`` any admin may come back.

    Raises MailError, stage token, NotFoundError, or InputError.
    """
    with read_session() as session:
        registration = load_registration(session, credential_id)
    if registration.grant is not Grant.AUTHORIZATION_CODE:
        raise InputError("Grant", "With grant client-credentials nobody signs in.", "Choose Try, or test an account.")
    state = secrets.token_urlsafe(32)
    address, flow = provider_of(registration).begin(redirect_uri, state)
    with transaction() as session:
        session.execute(delete(Authorisation).where(Authorisation.expires_at < now()))
        session.add(
            Authorisation(
                state_hash=_hash(state),
                session_hash=_hash(browser.secret) if browser else None,
                user_id=browser.user_id if browser else None,
                credential_id=credential_id,
                sealed_flow=seal(json.dumps(flow)),
                expires_at=now() + timedelta(minutes=VALID_MINUTES),
            )
        )
    return address


def finish(answer: Mapping[str, str], browser: BrowserSignIn, actor: str) -> Authorised:
    """Somebody is back with the provider's ``answer``: get the tokens and store them.

    Raises StateError, or MailError, stage token, if the provider refuses; then nothing is stored.
    """
    credential_id, flow = _take(answer.get("state", ""), browser)
    with read_session() as session:
        registration = load_registration(session, credential_id)
    tokens = provider_of(registration).finish(flow, answer)
    return store(credential_id, registration, tokens, actor)


def _take(state: str, browser: BrowserSignIn) -> tuple[int, dict[str, str]]:
    """The authorisation that ``state`` stands for, which is gone then, whoever came with it."""
    with transaction() as session:
        query = select(Authorisation).where(Authorisation.state_hash == _hash(state)).with_for_update()
        found = session.scalars(query).one_or_none()
        if found is None:
            raise StateError
        session.delete(found)
        session.flush()
        mine = found.session_hash is None or (
            found.user_id == browser.user_id and hmac.compare_digest(found.session_hash, _hash(browser.secret))
        )
        good, credential_id, sealed = mine and now() < found.expires_at, found.credential_id, found.sealed_flow
    if not good:
        raise StateError
    try:
        return credential_id, json.loads(unseal(sealed))
    except UnsealError:
        raise StateError from None


def store(credential_id: int, registration: Registration, tokens: Tokens, actor: str) -> Authorised:
    """Keep ``tokens`` as the credential's; its accounts go on by themselves. Raises MailError if it was deleted."""
    with transaction() as session:
        lock_administration(session)
        credential = session.get(Credential, credential_id)
        if credential is None:
            raise mail_error("credential-missing", stage="token")
        before = credential.token.signed_in_as if credential.token else ""
        token = store_first(session, credential, registration, tokens)
        for account in session.scalars(select(MailAccount).where(MailAccount.credential_id == credential_id)).unique():
            end_wait(account)
        label = f"{credential.name} ({credential.id})"
        audit(session, actor, "authorise", "credential", label, {"signs_in_as": [before, token.signed_in_as]})
        problem = " ".join(filter(None, (token.message, token.advice)))
        return Authorised(credential.id, credential.name, token.signed_in_as, problem)


def try_app(credential_id: int, actor: str) -> Authorised:
    """Authorise an app that signs in by itself.

    Raises MailError, stage token; then no tokens are stored, but what somebody has to mend is.
    """
    with read_session() as session:
        registration = load_registration(session, credential_id)
    try:
        tokens = provider_of(registration).own()
    except MailError as error:
        note_refusal(credential_id, error)
        raise
    return store(credential_id, registration, tokens, actor)


def by_device(
    credential_id: int, actor: str, show: Callable[[DeviceCode], None], wait: Callable[[DeviceCode], bool]
) -> Authorised:
    """Authorise with a code that is entered on another device (RFC 8628).

    ``show`` is given the code; ``wait`` sleeps until the next question, and says whether to go on. Raises MailError.
    """
    with read_session() as session:
        registration = load_registration(session, credential_id)
    provider = provider_of(registration)
    device = provider.begin_device()
    show(device)
    while wait(device):
        if tokens := provider.poll_device(device):
            return store(credential_id, registration, tokens, actor)
    raise _nobody_came(registration)


def _nobody_came(registration: Registration) -> MailError:
    return mail_error(
        "token-denied",
        provider=registration.provider,
        credential=registration.credential,
        what="nobody entered the code in time",
        todo="Start again.",
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
