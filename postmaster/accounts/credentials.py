"""The credentials: find, add, change, delete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import ClassVar

from sqlalchemy import ColumnElement, String, case, func, select, type_coerce
from sqlalchemy.orm import Session

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
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.same_server import warnings_about
from postmaster.accounts.validation import mailbox_taken
from postmaster.accounts.wait import end_wait
from postmaster.resources.entered import EnteredValues
from postmaster.resources.fields import Field, FieldErrors
from postmaster.resources.listing import Listing
from postmaster.resources.models import Validity
from postmaster.resources.named_service import NamedService
from postmaster.resources.service import Stored
from postmaster.resources.uses import Use, enumeration

# The accounts that sign in with a credential, and those of them that are paused until it changes.
_accounts = select(func.count(MailAccount.id)).where(MailAccount.credential_id == Credential.id).correlate(Credential)
_used = _accounts.scalar_subquery()
_is_refused = AccountState.paused_revision.is_not(None), health_column() == Health.PAUSED.value
_refused = _accounts.join(AccountState).where(*_is_refused).scalar_subquery()

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
    """The refused ones are found once a query: to count the accounts of each credential takes ten times as long."""
    accounts = select(MailAccount.credential_id).join(MailAccount.credential).join(AccountState)
    refused = Credential.id.in_(accounts.where(*_is_refused).correlate(None))
    return case((refused, 0), else_=credential_health_column({word: rank for rank, word in enumerate(URGENCY, 1)}))


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


class CredentialService(NamedService[Credential]):
    """Credentials. Secrets are sealed when they are read, and never shown; an empty one means "keep"."""

    noun = "credential"
    plural = "credentials"
    fields: ClassVar[tuple[Field, ...]] = CREDENTIAL_FIELDS
    key: ClassVar[Field] = CREDENTIAL_NAME
    model = Credential

    def __init__(self, session: Session, actor: str) -> None:
        super().__init__(session, actor)
        self._renamed: list[int] = []

    def health(self, record: Credential) -> str:
        """See ``credential_health``; an import without secrets leaves ``needs-password`` and the like."""
        return credential_health(record)

    def fields_of(self, record: Credential) -> tuple[Field, ...]:
        """Those of its kind."""
        return record.spec.fields

    @classmethod
    def fields_for(cls, form_values: Mapping[str, str]) -> tuple[Field, ...]:
        """Those of the kind that was entered."""
        spec = find_kind(form_values.get(KIND.name, KIND.default))
        return spec.fields if spec else (KIND,)

    def valid_names(self) -> list[str]:
        """The names of the credentials that may be chosen, in the order in which people look for them."""
        query = select(Credential.name).where(Credential.validity == Validity.VALID)
        return sorted(self.session.scalars(query), key=str.casefold)

    def users(self, record: Credential) -> Iterator[Use]:
        """The accounts that sign in with it."""
        yield from map(use_of, self.accounts(record))

    def accounts(self, record: Credential) -> Iterator[MailAccount]:
        """The accounts that sign in with it."""
        query = select(MailAccount).where(MailAccount.credential_id == record.id).order_by(MailAccount.id)
        yield from self.session.scalars(query)

    def read(self, form_values: Mapping[str, str], record: Credential | None = None) -> EnteredValues[Credential]:
        """Read the kind first, because it decides which other fields there are. Empty secrets are kept."""
        values = EnteredValues(self.model, self.fields, form_values, record)
        self.read_fields(values, (KIND,))
        if KIND in values.errors:
            return values
        if record is not None and values.draft.kind is not record.kind:
            refusal = KIND.refuse(f"is {record.kind} and cannot be changed", "Add another credential instead.")
            values.errors.add(KIND.name, refusal)
            return values
        spec = values.draft.spec
        _refuse_foreign_fields(spec, values)
        _have_no_none(values)
        self.read_fields(values, [field for field in spec.fields if not _is_kept(field, values)])
        _replace_secret(values)
        return values

    def validate(self, values: EnteredValues[Credential]) -> None:
        """The grant has what it takes, and a new user name leads no two valid accounts to the same mailbox."""
        super().validate(values)
        if KIND in values.errors:
            return
        _check_grant(values)
        check_hosts(values)
        if values.changes(USERNAME) and USERNAME not in values.errors:
            self._check_username(values.draft, values.errors)

    def _check_username(self, draft: Credential, errors: FieldErrors) -> None:
        for account in self.accounts(draft):
            login = account.address or draft.username
            if not login:
                flaw = f"is missing, but account {account.id} ({account.type} on {account.host}) signs in with it"
                errors.add(USERNAME.name, USERNAME.refuse(flaw, "Enter the mailbox it opens.", code="missing-field"))
            elif account.validity is Validity.VALID and (other := rival(self.session, account, login)):
                errors.add(USERNAME.name, mailbox_taken(account, login, other, USERNAME.label))

    def store(self, values: EnteredValues[Credential]) -> Stored[Credential]:
        """Drop tokens that were given out for something else, and try its accounts at once: they may be right now."""
        record = values.record
        if record is None:
            return super().store(values)
        if values.changes(USERNAME):
            self._renamed.append(record.id)
        if values.changes(*_BINDING) or is_widened(values):
            record.token = None
        elif record.token is not None and (values.given(CLIENT_SECRET) or values.given(CLIENT_CERTIFICATE)):
            record.token.problem = None
        stored = super().store(values)
        accounts = list(self.accounts(record))
        for account in accounts:
            end_wait(account)
        self._warn_of_elsewhere(record, accounts)
        return stored

    def _warn_of_elsewhere(self, record: Credential, accounts: Sequence[MailAccount]) -> None:
        if outside := tell_elsewhere(self.session, record, accounts):
            labels = enumeration(f"{account.label} (account {account.id})" for account in outside)
            self.notes["credential-elsewhere"] = (
                f"Hosts of “{record.name}” are {record.hosts}, so these accounts can no longer sign in with it: "
                f"{labels}. Add their servers to Hosts, or select another credential there."
            )

    def warnings(self) -> list[str]:
        """Also which accounts have a new login that another one seems to sign in with on the same server."""
        return [*super().warnings(), *warnings_about(MailAccount.credential_id, self._renamed)]


def _refuse_foreign_fields(spec: KindSpec, values: EnteredValues[Credential]) -> None:
    """Fields that the kind lacks must not be given."""
    known = {field.name for field in spec.fields}
    for field in CREDENTIAL_FIELDS:
        if field.name not in known and values.given(field).strip():
            having = ", ".join(kind for kind, other in CREDENTIAL_KINDS.items() if other.has(field))
            flaw = f"is not a field of credentials of kind {spec.kind}"
            advice = f"Leave it out; these kinds have it: {having}."
            values.errors.add(field.name, field.refuse(flaw, advice, code="field-not-in-kind"))


def _have_no_none(values: EnteredValues[Credential]) -> None:
    """Texts are empty where there is none, also in a new one and for fields that its kind lacks."""
    for field in (USERNAME, *(field for field in CREDENTIAL_FIELDS if field.secret)):
        values.set(field, getattr(values.draft, field.attribute) or "")


def _is_kept(field: Field, values: EnteredValues[Credential]) -> bool:
    """Whether ``field`` is a secret that is left empty, so that the one there is stays."""
    return field.secret and not values.given(field) and bool(getattr(values.draft, field.attribute))


def _replace_secret(values: EnteredValues[Credential]) -> None:
    """A new client secret takes the place of a certificate, and the other way around."""
    if values.given(CLIENT_SECRET):
        values.set(CLIENT_CERTIFICATE, "")
    elif values.given(CLIENT_CERTIFICATE):
        values.set(CLIENT_SECRET, "")


def _check_grant(values: EnteredValues[Credential]) -> None:
    """Each grant takes something of its own. Secrets that were not even asked for, as by an import, may be missing."""
    record, errors = values.draft, values.errors
    if not record.spec.is_oauth or GRANT in errors:
        return
    if values.given(CLIENT_SECRET) and values.given(CLIENT_CERTIFICATE):
        errors.add(
            CLIENT_CERTIFICATE.name, CLIENT_CERTIFICATE.refuse("replaces the client secret", "Give one of them.")
        )
    if record.effective_grant is Grant.AUTHORIZATION_CODE:
        if record.spec.has(AUTHORIZATION_ENDPOINT) and not record.authorization_endpoint:
            _miss(AUTHORIZATION_ENDPOINT, record, errors)
        return
    if record.kind is CredentialKind.MICROSOFT and record.tenant in (None, "common", "organizations", "consumers"):
        errors.add(TENANT.name, TENANT.refuse("must be that of the mailboxes with grant client-credentials"))
    has_secret = record.sealed_client_secret or record.sealed_client_certificate
    if not has_secret and CLIENT_SECRET.name in values.form_values:
        _miss(CLIENT_SECRET, record, errors)


def _miss(field: Field, record: Credential, errors: FieldErrors) -> None:
    errors.add(
        field.name, field.refuse("is missing", f"Grant {record.effective_grant} needs it.", code="missing-field")
    )


def use_of(account: MailAccount) -> Use:
    """``account`` as one that names something else; only a valid one misses it."""
    phrase = f"account {account.id} ({account.label})"
    return Use("account", phrase, account.id, keeps=account.validity is not Validity.VALID)
