"""Rules of an account that concern several of its fields, or other accounts (docs/glossary.md#mail-accounts)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from postmaster.accounts.fields import CREDENTIAL, DISPATCHING, QUEUE
from postmaster.accounts.hosts import is_for
from postmaster.accounts.kinds import OAUTH_KINDS
from postmaster.accounts.mailbox import rival, server_of
from postmaster.accounts.models import Dispatching, MailAccount
from postmaster.accounts.types import ACCOUNT_TYPES, EMAIL_ADDRESS, HOST, TYPE_FIELDS, AccountType
from postmaster.desk.queues import Queues
from postmaster.errors import InputError
from postmaster.resources.fields import FieldErrors
from postmaster.resources.models import Validity


def refuse_foreign_fields(account_type: AccountType, form_values: Mapping[str, str], errors: FieldErrors) -> None:
    """Fields that the type lacks must not be given."""
    for field in TYPE_FIELDS:
        if not account_type.has(field) and form_values.get(field.name, "").strip():
            having = ", ".join(other.name for other in ACCOUNT_TYPES.values() if other.has(field))
            refusal = field.refuse(
                f"is not a field of accounts of type {account_type.name}",
                f"Leave it out, or choose a type that has it: {having}.",
                code="field-not-in-type",
            )
            errors.add(field.name, refusal)


def check_mandatory(account: MailAccount, errors: FieldErrors) -> None:
    """Fields that the type demands must be there, also after the type was changed."""
    for field in account.account_type.fields:
        if field.mandatory and getattr(account, field.attribute) is None:
            advice = f"Accounts of type {account.type} need it."
            errors.add(field.name, field.refuse("is missing", advice, code="missing-field"))


def check_dispatching(
    account: MailAccount, queue_before: int | None, given: str, queues: Queues, errors: FieldErrors
) -> None:
    """Dispatching by queue needs a valid queue; dispatching by To: takes none. ``given`` is what was entered.

    A queue that was set invalid later does not keep the account's other fields from being changed.
    """
    if DISPATCHING in errors or QUEUE in errors:
        return
    if account.dispatching is Dispatching.TO:
        if given.strip():
            advice = "Leave it out, or choose dispatching by queue."
            errors.add(QUEUE.name, QUEUE.refuse("is not used with dispatching by the To: field", advice))
    elif account.queue_id is None:
        advice = "Dispatching by queue needs one."
        errors.add(QUEUE.name, QUEUE.refuse("is missing", advice, code="missing-field"))
    elif account.queue_id != queue_before and not queues.is_valid(account.queue_id):
        flaw = f"is “{queues.queue_name(account.queue_id)}”, which is not valid"
        errors.add(QUEUE.name, QUEUE.refuse(flaw, "Set the queue valid first, or choose another one."))


def check_credential(account: MailAccount, errors: FieldErrors) -> None:
    """The credential must be of a kind that the type's server takes, and say which mailbox is meant."""
    credential = account.credential
    if credential is None or CREDENTIAL in errors:
        return
    if account.account_type.oauth_only and not credential.spec.is_oauth:
        flaw = f"is “{credential.name}”, of kind {credential.kind}, but {account.type} takes no passwords"
        advice = f"Choose one of these kinds: {', '.join(OAUTH_KINDS)}."
        errors.add(CREDENTIAL.name, CREDENTIAL.refuse(flaw, advice, code="credential-kind"))
    elif not credential.username and not account.account_type.has(EMAIL_ADDRESS):
        flaw = f"is “{credential.name}”, which has no user name, so it does not say which mailbox to open"
        errors.add(CREDENTIAL.name, CREDENTIAL.refuse(flaw, "Enter the user name in the credential."))
    elif HOST not in errors and not is_for(credential.hosts, server_of(account)):
        flaw = f"is “{credential.name}”, which may be used at {credential.hosts} only, not at {server_of(account)}"
        advice = "Check Host, or enter it in Hosts of the credential if it is right."
        errors.add(CREDENTIAL.name, CREDENTIAL.refuse(flaw, advice, code="credential-elsewhere"))


def check_mailbox(session: Session, account: MailAccount, errors: FieldErrors) -> None:
    """No two valid accounts may fetch the same mailbox."""
    if account.validity is not Validity.VALID or HOST in errors:
        return
    field = HOST if account.account_type.has(HOST) else EMAIL_ADDRESS
    if other := rival(session, account):
        errors.add(field.name, mailbox_taken(account, account.login, other, field.label))


def mailbox_taken(account: MailAccount, login: str | None, other: MailAccount, label: str) -> InputError:
    """The error that ``other`` fetches the mailbox of ``account``, with that ``login``, already."""
    return InputError(
        label,
        f"The mailbox “{login}” on {server_of(account)}, folder {account.folder or 'INBOX'}, "
        f"is already fetched by account {other.id}, {other.label}.",
        "Change that account, or set one of the two invalid.",
        code="mailbox-taken",
    )
