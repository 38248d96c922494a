"""How a credential stands, in a word: whether it can be used, and what it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, Boolean, ColumnElement, Date, String, and_, bindparam, case, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.accounts.models import Credential, CredentialToken
from postmaster.accounts.sealing import opens, unopened_ids
from postmaster.extensions import now
from postmaster.resources.models import Validity

# How long before the end of a client secret it is time to renew it.
WARNING = timedelta(days=30)


class CredentialHealth(StrEnum):
    """How a credential stands; accounts can sign in with those of ``USABLE``."""

    INVALID = "invalid"
    NEEDS_PASSWORD = "needs-password"  # noqa: S105 - a word that is shown
    NEEDS_SECRET = "needs-secret"  # noqa: S105 - as above
    NEEDS_AUTHORISATION = "needs-authorisation"
    NEEDS_KEY = "needs-key"
    NEEDS_UPDATE = "needs-update"
    SECRET_EXPIRED = "secret-expired"  # noqa: S105 - as above
    SECRET_EXPIRES_SOON = "secret-expires-soon"  # noqa: S105 - as above
    HEALTHY = "healthy"


# The date of a secret's end is what somebody entered. What counts is what the provider says when the day has come.
USABLE = (CredentialHealth.HEALTHY, CredentialHealth.SECRET_EXPIRES_SOON, CredentialHealth.SECRET_EXPIRED)


def credential_health(credential: Credential) -> CredentialHealth:
    """How ``credential`` stands now."""
    if credential.validity is not Validity.VALID:
        return CredentialHealth.INVALID
    missing = _missing(credential)
    if missing is not None:
        return missing
    own = credential.sealed_password, credential.sealed_client_secret, credential.sealed_client_certificate
    refresh = credential.token.sealed_refresh if credential.token else ""
    if not all(opens(text or "") for text in (*own, refresh)):
        return CredentialHealth.NEEDS_KEY
    if credential.spec.is_oauth and credential.token is not None and credential.token.problem:
        return CredentialHealth.NEEDS_UPDATE
    return _by_date(credential.secret_expires) if credential.spec.is_oauth else CredentialHealth.HEALTHY


def _missing(credential: Credential) -> CredentialHealth | None:
    """What was never entered, or never authorised."""
    if not credential.spec.is_oauth:
        return None if credential.sealed_password else CredentialHealth.NEEDS_PASSWORD
    if credential.effective_grant is Grant.CLIENT_CREDENTIALS:
        has_secret = credential.sealed_client_secret or credential.sealed_client_certificate
        return None if has_secret else CredentialHealth.NEEDS_SECRET
    is_authorised = credential.token is not None and credential.token.authorised_at is not None
    return None if is_authorised else CredentialHealth.NEEDS_AUTHORISATION


def _by_date(end: date | None) -> CredentialHealth:
    today = now().date()
    if end is None or end > today + WARNING:
        return CredentialHealth.HEALTHY
    return CredentialHealth.SECRET_EXPIRES_SOON if end >= today else CredentialHealth.SECRET_EXPIRED


@dataclass(frozen=True)
class Need:
    """What a credential needs: ``what`` is wrong with it, or will be, and what is ``todo``."""

    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.what} {self.todo}".strip()


_NEW_SECRET = "Make a new one at the identity provider, and enter it with its date."  # noqa: S105 - advice

# By standing; that of NEEDS_UPDATE is what the identity provider said.
_NEEDS: dict[CredentialHealth, Need] = {
    CredentialHealth.INVALID: Need("The credential “{name}” is not valid.", "Set it valid, or choose another one."),
    CredentialHealth.NEEDS_PASSWORD: Need("The credential “{name}” has no password.", "Enter it there."),
    CredentialHealth.NEEDS_SECRET: Need("The credential “{name}” has no client secret.", "Enter it, or a certificate."),
    CredentialHealth.NEEDS_AUTHORISATION: Need(
        "The credential “{name}” was never authorised.", "Open the credential and choose Authorise."
    ),
    CredentialHealth.NEEDS_KEY: Need(
        "No key opens the secrets of the credential “{name}”.",
        "Restore the key that they were sealed with, or enter them again (with OAuth2: authorise again, too).",
    ),
    CredentialHealth.SECRET_EXPIRED: Need("The client secret of “{name}” expired on {end}.", _NEW_SECRET),
    CredentialHealth.SECRET_EXPIRES_SOON: Need("The client secret of “{name}” expires on {end}.", _NEW_SECRET),
}


def need_of(credential: Credential) -> Need | None:
    """What ``credential`` needs, in words; None if it is healthy."""
    word, token = credential_health(credential), credential.token
    if word is CredentialHealth.NEEDS_UPDATE and token is not None:
        return Need(token.message or "", token.advice or "")
    if word not in _NEEDS:
        return None
    need = _NEEDS[word]
    return Need(need.what.format(name=credential.name, end=credential.secret_expires), need.todo)


class listed(FunctionElement[bool]):  # noqa: N801 - an SQL function
    """Whether a number is in a list that is given as one text, a JSON array: databases limit how many parameters there
    are. The list is read once a query, however many rows ask.
    """

    inherit_cache = True
    type = Boolean()


@compiles(listed, "sqlite")
def _listed_sqlite(element: listed, compiler: SQLCompiler, **options: Any) -> str:
    number, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{number} IN (SELECT value FROM json_each({numbers}))"  # noqa: S608 - both are made by SQLAlchemy


@compiles(listed, "postgresql")
def _listed_postgresql(element: listed, compiler: SQLCompiler, **options: Any) -> str:
    number, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{number} IN (SELECT CAST(json_array_elements_text(CAST({numbers} AS json)) AS bigint))"


# Which these are only the keys of this process can tell, so it is found out when a query runs.
_UNOPENED: BindParameter[str] = bindparam("unopened", callable_=lambda: json.dumps(unopened_ids()), type_=String())


_WORDS: Mapping[CredentialHealth, str | None] = {health: health.value for health in CredentialHealth}


def credential_health_column(told: Mapping[CredentialHealth, str | int | None] = _WORDS) -> ColumnElement[Any]:
    """``credential_health``, as SQL, for lists that the database filters and sorts; what is ``told`` of it, if that is
    not its word.
    """
    basic = Credential.kind == CredentialKind.BASIC
    app_only = Credential.grant == Grant.CLIENT_CREDENTIALS
    secretless = and_(Credential.sealed_client_secret == "", Credential.sealed_client_certificate == "")
    authorised = _token(CredentialToken.authorised_at.is_not(None))
    end = Credential.secret_expires
    unopened = listed(Credential.id, _UNOPENED)
    return case(
        (Credential.validity != Validity.VALID, told[CredentialHealth.INVALID]),
        (and_(basic, Credential.sealed_password == ""), told[CredentialHealth.NEEDS_PASSWORD]),
        (and_(basic, ~unopened), told[CredentialHealth.HEALTHY]),
        (basic, told[CredentialHealth.NEEDS_KEY]),
        (and_(app_only, secretless), told[CredentialHealth.NEEDS_SECRET]),
        (and_(or_(Credential.grant.is_(None), ~app_only), ~authorised), told[CredentialHealth.NEEDS_AUTHORISATION]),
        (unopened, told[CredentialHealth.NEEDS_KEY]),
        (_token(CredentialToken.problem.is_not(None)), told[CredentialHealth.NEEDS_UPDATE]),
        (or_(end.is_(None), end > _day(WARNING)), told[CredentialHealth.HEALTHY]),
        (end >= _day(), told[CredentialHealth.SECRET_EXPIRES_SOON]),
        else_=told[CredentialHealth.SECRET_EXPIRED],
    )


def _day(ahead: timedelta = timedelta()) -> BindParameter[date]:
    """The day that it is when the query runs, or one some time ``ahead`` of it."""
    return bindparam(None, callable_=lambda: now().date() + ahead, type_=Date())


def _token(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the credential has tokens of which ``condition`` holds."""
    return Credential.id.in_(select(CredentialToken.credential_id).where(condition).correlate(None))
