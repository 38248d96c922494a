"""An account, and the credential that it signs in with, entered in one form.

What is entered of the credential stands beside the fields of the account, under names that begin with ``new_``. It
counts only where no credential is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from postmaster.accounts.credentials import CredentialService
from postmaster.accounts.fields import CREDENTIAL
from postmaster.accounts.kinds import (
    CLIENT_ID,
    CLIENT_SECRET,
    CREDENTIAL_NAME,
    GRANT,
    KIND,
    PASSWORD,
    TENANT,
    USERNAME,
    CredentialKind,
)
from postmaster.accounts.models import MailAccount
from postmaster.accounts.service import AccountService
from postmaster.accounts.types import EMAIL_ADDRESS, AccountType
from postmaster.resources.fields import Field, InvalidFieldsError

PREFIX = "new_"

# What the server is looked for by, and the new credential called.
MAILBOX = replace(EMAIL_ADDRESS, name="mailbox", mandatory=False)


def _new(field: Field, words: str = "") -> Field:
    return replace(field, name=PREFIX + field.name, mandatory=False, help=words or field.help)


NEW_KIND = _new(KIND)
NEW_USERNAME = _new(USERNAME, "Leave empty if it is the e-mail address.")
NEW_GRANT = _new(GRANT)
NEW_PASSWORD = _new(PASSWORD, "Stored encrypted, and never shown again.")

# What is asked for of a new credential of each kind. All else can be entered in the credential itself.
NEW_FIELDS: Mapping[CredentialKind, tuple[Field, ...]] = {
    CredentialKind.BASIC: (NEW_USERNAME, NEW_PASSWORD),
    CredentialKind.MICROSOFT: (
        NEW_GRANT,
        _new(TENANT),
        _new(CLIENT_ID),
        _new(CLIENT_SECRET, "Its value, not its ID. Stored encrypted, and never shown again."),
    ),
}
ALL_NEW_FIELDS = tuple(field for fields in NEW_FIELDS.values() for field in fields)

# Those of which one at least is entered where a new credential is wanted; the others say something by themselves.
_TELLING = tuple(field.name for field in ALL_NEW_FIELDS if not field.default)


def kind_for(account_type: AccountType | None) -> CredentialKind:
    """The kind of a new credential for accounts of that type."""
    return CredentialKind.MICROSOFT if account_type and account_type.oauth_only else CredentialKind.BASIC


def wants_credential(form_values: Mapping[str, str]) -> bool:
    """Whether a new credential was entered."""
    return not form_values.get(CREDENTIAL.name) and any(form_values.get(name) for name in _TELLING)


def add_account(service: AccountService, form_values: Mapping[str, str]) -> MailAccount:
    """Add an account with what was entered, and its credential first if that is new. Raises InvalidFieldsError."""
    if not wants_credential(form_values):
        return service.add(_of_account(form_values))
    credentials = CredentialService(service.session, service.actor)
    with _beside_inputs(form_values):
        credential = credentials.add(_of_credential(credentials, form_values))
    return service.add({**_of_account(form_values), CREDENTIAL.name: credential.name})


def draft_account(service: AccountService, form_values: Mapping[str, str]) -> MailAccount:
    """What ``add_account`` would make, outside the database. Raises InvalidFieldsError.

    Only a password makes a credential: tokens are obtained for one that is stored.
    """
    account = service.draft(_of_account(form_values))
    if wants_credential(form_values) and form_values.get(NEW_PASSWORD.name):
        credentials = CredentialService(service.session, service.actor)
        with _beside_inputs(form_values):
            account.credential = credentials.draft(_of_credential(credentials, form_values))
    return account


def _of_account(form_values: Mapping[str, str]) -> dict[str, str]:
    known = {field.name for field in AccountService.fields}
    return {name: text for name, text in form_values.items() if name in known}


def _of_credential(credentials: CredentialService, form_values: Mapping[str, str]) -> dict[str, str]:
    address = (form_values.get(EMAIL_ADDRESS.name) or form_values.get(MAILBOX.name, "")).strip()
    entered = {name.removeprefix(PREFIX): text for name, text in form_values.items() if name.startswith(PREFIX)}
    if entered.get(KIND.name, CredentialKind.BASIC) == CredentialKind.BASIC:
        entered[USERNAME.name] = entered.get(USERNAME.name, "").strip() or address
    return {**entered, CREDENTIAL_NAME.name: _free_name(credentials, address or entered.get(USERNAME.name, ""))}


def _free_name(credentials: CredentialService, wanted: str) -> str:
    """``wanted``, with a number behind it if another credential is called so."""
    name, number = wanted, 1
    while credentials.named(name):
        number += 1
        name = f"{wanted} ({number})"
    return name


@contextmanager
def _beside_inputs(form_values: Mapping[str, str]) -> Iterator[None]:
    """What is refused of the credential is told of its inputs here; what is made of the address, of the first."""
    try:
        yield
    except InvalidFieldsError as refused:
        first = next(name for name in form_values if name in _TELLING)
        errors = {PREFIX + name: error for name, error in refused.errors.items()}
        raise InvalidFieldsError(
            {name if name in form_values else first: error for name, error in errors.items()}
        ) from None
