"""The credentials: find, add, change, delete, and sealing them anew with another key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import ClassVar

from sqlalchemy import ColumnElement, Select, String, case, func, select, type_coerce, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from postmaster.accounts.columns import health_column
from postmaster.accounts.credential_health import CredentialHealth, credential_health, credential_health_column
from postmaster.accounts.elsewhere import check_hosts, is_widened, tell_elsewhere
from postmaster.accounts.health import Health
from postmaster.accounts.kinds import (
    AUTHORIZATION_ENDPOINT,
    CLIENT_CERTIFICATE,
    CLIENT_ID,
    CLIENT_SECRET,
    CREDENTIAL_FIELDS,
    CREDENTIAL_KINDS,
    CREDENTIAL_NAME,
    GRANT,
    KIND,
    SCOPES,
    TENANT,
    TOKEN_ENDPOINT,
    USERNAME,
    CredentialKind,
    Grant,
    KindSpec,
    find_kind,
)
from postmaster.accounts.mailbox import rival
from postmaster.accounts.models import AccountState, Credential, CredentialToken, MailAccount
from postmaster.accounts.sealing import UnsealError, opens, reseal, unopened_ids
from postmaster.accounts.types import EMAIL_ADDRESS
from postmaster.accounts.validation import mailbox_taken
from postmaster.accounts.wait import end_wait
from postmaster.errors import PostMasterError
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.fields import Field, FieldErrors, Value
from postmaster.resources.listing import Listing
from postmaster.resources.models import Validity
from postmaster.resources.service import NamedService, enumeration

# The accounts that sign in with a credential, and those of them that are paused until it changes.
_accounts = select(func.count(MailAccount.id)).where(MailAccount.credential_id == Credential.id).correlate(Credential)
_used = _accounts.scalar_subquery()
_refused = _accounts.join(AccountState).where(health_column() == Health.PAUSED.value).scalar_subquery()

# Standing in the order in which credentials are listed, after those whose login was refused.
URGENCY = (
    CredentialHealth.NEEDS_KEY,
    CredentialHealth.NEEDS_UPDATE,
    CredentialHealth.NEEDS_AUTHORISATION,
    CredentialHealth.NEEDS_PASSWORD,
    CredentialHealth.NEEDS_SECRET,
    CredentialHealth.SECRET_EXPIRED,
    CredentialHealth.SECRET_EXPIRES_SOON,
    CredentialHealth.HEALTHY,
    CredentialHealth.INVALID,
)


def _urgency() -> ColumnElement[int]:
    ranks = {word.value: rank for rank, word in enumerate(URGENCY, 1)}
    return case(
        (_refused > 0, 0), (credential_health_column() != "", case(ranks, value=credential_health_column())), else_=0
    )


CREDENTIALS = Listing(
    key=Credential.id,
    query=select(Credential, _used.label("used"), _refused.label("refused")),
    searched=(
        Credential.name,
        Credential.username,
        Credential.comment,
        type_coerce(Credential.kind, String),
        type_coerce(Credential.validity, String),
    ),
    sorts={
        "update": (_urgency(), func.lower(Credential.name)),
        "name": (func.lower(Credential.name),),
        "kind": (type_coerce(Credential.kind, String),),
        "username": (func.lower(Credential.username),),
        "expires": (func.coalesce(Credential.secret_expires, date.max),),
        "used": (_used,),
        "validity": (type_coerce(Credential.validity, String),),
    },
)

# Tokens are good only for what they were given out for: changing one of these means authorising again.
_BINDING = (GRANT, TENANT, CLIENT_ID, SCOPES, AUTHORIZATION_ENDPOINT, TOKEN_ENDPOINT)

Key = InstrumentedAttribute[int]

# Each sealed column with the credential's id beside it, to be sealed anew when keys are rotated.
_SEALED: tuple[tuple[Key, InstrumentedAttribute[str]], ...] = (
    (Credential.id, Credential.sealed_password),
    (Credential.id, Credential.sealed_client_secret),
    (Credential.id, Credential.sealed_client_certificate),
    (CredentialToken.credential_id, CredentialToken.sealed_access),
    (CredentialToken.credential_id, CredentialToken.sealed_refresh),
)


class CredentialService(NamedService[Credential]):
    """Credentials. Secrets are sealed when they are read, and never shown; an empty one means "keep"."""

    noun = "credential"
    plural = "credentials"
    fields: ClassVar[tuple[Field, ...]] = CREDENTIAL_FIELDS
    key: ClassVar[Field] = CREDENTIAL_NAME
    model = Credential

    def health(self, record: Credential) -> str:
        """See ``credential_health``; an import without secrets leaves ``needs-password`` and the like."""
        return credential_health(record)

    def fields_of(self, record: Credential) -> tuple[Field, ...]:
        """Those of its kind."""
        return record.spec.fields

    @classmethod
    def fields_for(cls, texts: Mapping[str, str]) -> tuple[Field, ...]:
        """Those of the kind that was entered."""
        spec = find_kind(texts.get(KIND.name, KIND.default))
        return spec.fields if spec else (KIND,)

    def valid_names(self) -> list[str]:
        """The names of the credentials that may be chosen, in the order in which people look for them."""
        query = select(Credential.name).where(Credential.validity == Validity.VALID)
        return sorted(self.session.scalars(query), key=str.casefold)

    def users(self, record: Credential) -> Iterator[str]:
        """The accounts that sign in with it."""
        for account in self.accounts(record):
            yield f"account {account.id} ({account.label})"

    def accounts(self, record: Credential) -> Iterator[MailAccount]:
        """The accounts that sign in with it."""
        query = select(MailAccount).where(MailAccount.credential_id == record.id).order_by(MailAccount.id)
        yield from self.session.scalars(query)

    def assign(self, record: Credential, texts: Mapping[str, str], errors: FieldErrors) -> None:
        """Read ``texts``; the kind first, because it decides which other fields there are. Empty secrets are kept."""
        kind = record.kind
        self.read(record, (KIND,), texts, errors)
        if KIND in errors:
            return
        if kind is not None and record.kind is not kind:
            errors.add(KIND.name, KIND.refuse(f"is {kind}, and stays so", "Add another credential instead."))
            return
        spec = record.spec
        _refuse_foreign_fields(spec, texts, errors)
        _have_no_none(record)
        self.read(record, spec.fields, _without_kept(record, texts), errors)
        _replace_secret(record, texts)

    def check(
        self, record: Credential, texts: Mapping[str, str], before: Mapping[str, Value], errors: FieldErrors
    ) -> None:
        """The grant has what it takes, and a new user name leads no two valid accounts to the same mailbox."""
        super().check(record, texts, before, errors)
        if KIND in errors:
            return
        _check_grant(record, texts, errors)
        check_hosts(record, texts, before, errors)
        if before and before[USERNAME.name] != record.username and USERNAME not in errors:
            self._check_username(record, errors)
        if before and (_binding(self.values(record)) != _binding(before) or is_widened(record, before)):
            record.token = None
        elif record.token is not None and any(texts.get(field.name) for field in (CLIENT_SECRET, CLIENT_CERTIFICATE)):
            record.token.problem = None

    def _check_username(self, record: Credential, errors: FieldErrors) -> None:
        for account in self.accounts(record):
            if not record.username and not account.account_type.has(EMAIL_ADDRESS):
                flaw = f"is missing, but account {account.id} ({account.type} on {account.host}) signs in with it"
                errors.add(USERNAME.name, USERNAME.refuse(flaw, "Enter the mailbox it opens.", code="missing-field"))
            other = rival(self.session, account) if account.validity is Validity.VALID else None
            if other is not None:
                errors.add(USERNAME.name, mailbox_taken(account, other, USERNAME.label))

    def saved(self, record: Credential, before: Mapping[str, Value]) -> None:
        """What was wrong with its accounts may be right now; those outside of its Hosts are wrong from now on."""
        if not before:
            return
        for account in self.accounts(record):
            end_wait(account)
        if outside := tell_elsewhere(record, self.accounts(record)):
            labels = enumeration(f"{account.label} (account {account.id})" for account in outside)
            self.notes["credential-elsewhere"] = (
                f"Hosts of “{record.name}” are {record.hosts}, so these accounts cannot sign in with it any more: "
                f"{labels}. Add their servers to Hosts, or select another credential there."
            )


def _refuse_foreign_fields(spec: KindSpec, texts: Mapping[str, str], errors: FieldErrors) -> None:
    """Fields that the kind lacks must not be given."""
    known = {field.name for field in spec.fields}
    for field in CREDENTIAL_FIELDS:
        if field.name not in known and texts.get(field.name, "").strip():
            having = ", ".join(kind for kind, other in CREDENTIAL_KINDS.items() if other.has(field))
            flaw = f"is not a field of credentials of kind {spec.kind}"
            advice = f"Leave it out; these kinds have it: {having}."
            errors.add(field.name, field.refuse(flaw, advice, code="field-not-in-kind"))


def _have_no_none(record: Credential) -> None:
    """Texts are empty where there is none, also in a new one and for fields that its kind lacks."""
    for field in (USERNAME, *(field for field in CREDENTIAL_FIELDS if field.secret)):
        setattr(record, field.attribute, getattr(record, field.attribute) or "")


def _without_kept(record: Credential, texts: Mapping[str, str]) -> dict[str, str]:
    """``texts`` without those secrets that are empty, where there is one to be kept."""
    secrets = {field.name: getattr(record, field.attribute) for field in record.spec.fields if field.secret}
    return {name: text for name, text in texts.items() if text or not secrets.get(name)}


def _replace_secret(record: Credential, texts: Mapping[str, str]) -> None:
    """A new client secret takes the place of a certificate, and the other way around."""
    if texts.get(CLIENT_SECRET.name):
        record.sealed_client_certificate = ""
    elif texts.get(CLIENT_CERTIFICATE.name):
        record.sealed_client_secret = ""


def _check_grant(record: Credential, texts: Mapping[str, str], errors: FieldErrors) -> None:
    """Each grant takes something of its own. Secrets that were not even asked for, as by an import, may be missing."""
    if not record.spec.is_oauth or GRANT in errors:
        return
    if texts.get(CLIENT_SECRET.name) and texts.get(CLIENT_CERTIFICATE.name):
        errors.add(
            CLIENT_CERTIFICATE.name, CLIENT_CERTIFICATE.refuse("replaces the client secret", "Give one of them.")
        )
    if record.way is Grant.AUTHORIZATION_CODE:
        if record.spec.has(AUTHORIZATION_ENDPOINT) and not record.authorization_endpoint:
            _miss(AUTHORIZATION_ENDPOINT, record, errors)
        return
    if record.kind is CredentialKind.MICROSOFT and record.tenant in (None, "common", "organizations", "consumers"):
        errors.add(TENANT.name, TENANT.refuse("must be that of the mailboxes with grant client-credentials"))
    has_secret = record.sealed_client_secret or record.sealed_client_certificate
    if not has_secret and CLIENT_SECRET.name in texts:
        _miss(CLIENT_SECRET, record, errors)


def _miss(field: Field, record: Credential, errors: FieldErrors) -> None:
    errors.add(field.name, field.refuse("is missing", f"Grant {record.way} needs it.", code="missing-field"))


def _binding(values: Mapping[str, Value]) -> dict[str, Value]:
    return {field.name: values.get(field.name) for field in _BINDING}


def rotate_keys(session: Session, actor: str) -> int:
    """Seal all credentials and their tokens with the first key; returns how many credentials there are.

    Raises PostMasterError naming those that no key opens; then nothing is changed. Neither revision nor time of
    change move: the secrets are the same, so an account paused by them stays paused.
    """
    lock_administration(session)
    rotated: set[int] = set()
    unreadable: dict[str, None] = {}
    for key, column in _SEALED:
        for number, secret, name in session.execute(_sealed_rows(key, column)).all():
            rotated.add(number)
            try:
                _store_sealed(session, key, number, column, reseal(secret))
            except UnsealError:
                unreadable[f"“{name}”"] = None
    if unreadable:
        raise PostMasterError(
            "credential-sealed",
            f"No key opens the secrets of: {enumeration(unreadable)}. Nothing was changed.",
            "Put back the key that they were sealed with, or enter their secrets again.",
        )
    audit(session, actor, "rotate-key", "credential", "all", {"count": len(rotated)})
    return len(rotated)


def forget_sealed(session: Session, actor: str) -> list[str]:
    """Forget the secrets that no key opens; returns the names of their credentials, which need them anew."""
    lock_administration(session)
    ids = unopened_ids()
    query = select(Credential).where(Credential.id.in_(ids)).order_by(Credential.name)
    lost = session.scalars(query).unique().all()
    for credential in lost:
        _forget(credential)
        audit(session, actor, "forget-sealed", "credential", credential.name, {})
    return [credential.name for credential in lost]


def _forget(credential: Credential) -> None:
    for field in (field for field in CREDENTIAL_FIELDS if field.secret):
        if not opens(getattr(credential, field.attribute)):
            setattr(credential, field.attribute, "")
    if credential.token is not None and not opens(credential.token.sealed_refresh):
        credential.token = None


def _sealed_rows(key: Key, column: InstrumentedAttribute[str]) -> Select[int, str, str]:
    """Ids, sealed secrets and names of the credentials that have one in ``column``."""
    rows = select(key, column, Credential.name).where(key == Credential.id, column != "").order_by(key)
    return rows.with_for_update(of=key.class_)


def _store_sealed(session: Session, key: Key, number: int, column: InstrumentedAttribute[str], sealed: str) -> None:
    kept = {"changed_at": Credential.changed_at} if key.class_ is Credential else {}
    session.execute(
        update(key.class_)
        .where(key == number)
        .values({column.key: sealed, **kept})
        .execution_options(synchronize_session=False)
    )
