"""Tokens in the database: sealed, renewed by one worker at a time, and never overwritten by older ones."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session, joinedload, undefer

from postmaster.accounts.kinds import Grant
from postmaster.accounts.models import Credential, CredentialToken
from postmaster.accounts.sealing import UnsealError, opens, seal, unseal
from postmaster.database import read_session, transaction
from postmaster.errors import MailError, mail_error
from postmaster.extensions import now
from postmaster.oauth.jwt import claims_of
from postmaster.oauth.provider import Tokens
from postmaster.oauth.registration import Registration, registration_of

# How long before its end an access token is renewed; of a short-lived one, the last quarter of its time.
RENEW_AHEAD = timedelta(minutes=5)

CLAIM_SECONDS = 60
"""How long one worker keeps others from renewing: three times what a provider may take (``http.TOTAL_SECONDS``)."""

# Faults that do not go away before somebody has changed or authorised something.
NEEDS_SOMEBODY = ("authorisation-ended", "consent-missing", "client-refused", "token-denied", "scopes-missing")

# Scopes that concern who signs in, not mail; providers do not always repeat them.
_PERSONAL = ("openid", "profile", "email", "offline_access")


@dataclass(frozen=True)
class Vault:
    """The tokens of one credential as they stood a moment ago, in the clear."""

    credential_id: int
    registration: Registration
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    renew_at: datetime | None
    expires_at: datetime | None
    version: int
    signed_in_as: str

    @property
    def is_fresh(self) -> bool:
        """Whether the access token need not be renewed yet."""
        return bool(self.access) and self.renew_at is not None and now() < self.renew_at

    @property
    def still_works(self) -> bool:
        """Whether the access token should be good for this moment."""
        return bool(self.access) and self.expires_at is not None and now() < self.expires_at


def open_vault(credential_id: int) -> Vault:
    """What there is for the credential.

    Raises ``credential-missing``, ``credential-sealed`` or ``authorisation-missing``.
    """
    with read_session() as session:
        tokens = joinedload(Credential.token).options(
            undefer(CredentialToken.sealed_access), undefer(CredentialToken.sealed_refresh)
        )
        query = select(Credential).where(Credential.id == credential_id).options(tokens)
        credential = session.scalars(query).unique().one_or_none()
        if credential is None or not credential.spec.is_oauth:
            raise mail_error("credential-missing", stage="token")
        registration, token = registration_of(credential), credential.token
        if registration.grant is Grant.AUTHORIZATION_CODE and (token is None or token.authorised_at is None):
            raise mail_error("authorisation-missing", credential=credential.name)
        if token is None:
            return Vault(credential_id, registration, "", "", None, None, 0, "")
        access, refresh = _unsealed(token, credential)
        times = (token.renew_at, token.expires_at)
        return Vault(credential_id, registration, access, refresh, *times, token.version, token.signed_in_as)


def object_id_of(credential: Credential) -> str:
    """The object id of the app's service principal, as its own access token says (``oid``); empty if it does not."""
    if credential.effective_grant is not Grant.CLIENT_CREDENTIALS or credential.token is None:
        return ""
    try:
        return str(claims_of(open_vault(credential.id).access).get("oid", ""))
    except MailError:
        return ""


def _unsealed(token: CredentialToken, credential: Credential) -> tuple[str, str]:
    """Access and refresh token. An access token that no key opens is none: another one can be had."""
    try:
        refresh = unseal(token.sealed_refresh) if token.sealed_refresh else ""
    except UnsealError as error:
        raise mail_error("credential-sealed", stage="token", credential=credential.name) from error
    return (unseal(token.sealed_access) if token.sealed_access and opens(token.sealed_access) else ""), refresh


def claim(vault: Vault) -> str | None:
    """The right to renew the tokens of ``vault``; None if another worker has it, or has stored newer ones."""
    mine, moment = secrets.token_hex(16), now()
    with transaction() as session:
        if session.get(CredentialToken, vault.credential_id) is None:
            session.add(CredentialToken(credential_id=vault.credential_id))
            session.flush()
        free = or_(CredentialToken.claim.is_(None), CredentialToken.claim_expires_at < moment)
        taken = session.execute(
            update(CredentialToken)
            .where(_is(vault), free)
            .values(claim=mine, claim_expires_at=moment + timedelta(seconds=CLAIM_SECONDS))
        )
        return mine if taken.rowcount == 1 else None  # type: ignore[attr-defined]


def _is(vault: Vault) -> ColumnElement[bool]:
    """Whether a row is that of ``vault``, and has not changed since."""
    return (CredentialToken.credential_id == vault.credential_id) & (CredentialToken.version == vault.version)


def store_renewed(vault: Vault, tokens: Tokens) -> None:
    """Store what a renewal brought, at once, and give the claim back. Newer tokens are not overwritten."""
    with transaction() as session:
        values = _sealed(tokens, vault.refresh) | _verdict(missing_scopes(vault.registration, tokens))
        session.execute(
            update(CredentialToken).where(_is(vault)).values(**values, version=vault.version + 1, claim=None)
        )


def mark_refused(vault: Vault, claimed: str, error: MailError) -> bool:
    """Give the claim back, and note what keeps the tokens from being renewed; False if newer ones are there."""
    with transaction() as session:
        values = _verdict(error) if error.code in NEEDS_SOMEBODY else {}
        noted = session.execute(
            update(CredentialToken).where(_is(vault), CredentialToken.claim == claimed).values(**values, claim=None)
        )
        return bool(noted.rowcount == 1)  # type: ignore[attr-defined]


def note_refusal(credential_id: int, error: MailError) -> None:
    """Note what only somebody can mend, though there was nothing to renew."""
    if error.code not in NEEDS_SOMEBODY:
        return
    with transaction() as session:
        credential = session.get(Credential, credential_id)
        if credential is None:
            return
        credential.token = credential.token or CredentialToken(version=0)
        for name, value in _verdict(error).items():
            setattr(credential.token, name, value)


def store_first(
    session: Session, credential: Credential, registration: Registration, tokens: Tokens
) -> CredentialToken:
    """Keep the first tokens of an authorisation; whoever renews older ones meanwhile comes too late.

    The credential's revision goes up, so that accounts that were paused because of it resume.
    """
    locked = session.get(CredentialToken, credential.id, with_for_update=True, populate_existing=True)
    token = locked or CredentialToken(version=0)
    values = _sealed(tokens, "") | _verdict(missing_scopes(registration, tokens)) | {"claim": None}
    for name, value in values.items():
        setattr(token, name, value)
    token.version = token.version + 1
    token.authorised_at = credential.changed_at = now()
    token.signed_in_as = tokens.signed_in_as
    credential.token = token
    session.flush()
    return token


def _sealed(tokens: Tokens, refresh_before: str) -> dict[str, object]:
    """Columns for ``tokens``. A provider that does not rotate refresh tokens leaves the one before in use."""
    moment, life = now(), timedelta(seconds=tokens.seconds)
    refresh = tokens.refresh or refresh_before
    return {
        "sealed_access": seal(tokens.access),
        "sealed_refresh": seal(refresh) if refresh else "",
        "expires_at": moment + life,
        "renew_at": moment + life - min(RENEW_AHEAD, life / 4),
        "scopes": " ".join(tokens.scopes),
    }


def _verdict(error: MailError | None) -> dict[str, object]:
    """Columns that say what is wrong; None if all is well."""
    if error is None:
        return dict.fromkeys(("problem", "message", "advice", "server"))
    return {
        "problem": error.code,
        "message": error.message,
        "advice": error.advice,
        "server": error.server,
    }


def missing_scopes(registration: Registration, tokens: Tokens) -> MailError | None:
    """The error that less was granted than was asked for."""
    if registration.grant is Grant.CLIENT_CREDENTIALS:
        return None  # what an app may do is in its token: see ``explain``
    granted = {_bare(scope) for scope in tokens.scopes}
    missing = [s for s in registration.scopes if s not in _PERSONAL and _bare(s) not in granted]
    if not missing:
        return None
    return mail_error("scopes-missing", credential=registration.credential, what=", ".join(missing))


def _bare(scope: str) -> str:
    """A scope without its resource, which Microsoft writes in several ways."""
    return scope.rstrip("/").rpartition("/")[2].lower()
