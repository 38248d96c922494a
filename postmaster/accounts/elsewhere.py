"""Hosts of a credential that is changed: what is outside of them fails at once, and nobody widens them unseen."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from postmaster.accounts.hosts import is_for, widens
from postmaster.accounts.kinds import HOSTS
from postmaster.accounts.mailbox import server_of
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.turns import note_failure
from postmaster.errors import mail_error
from postmaster.resources.entered import EnteredValues
from postmaster.resources.models import Validity


def is_widened(values: EnteredValues[Credential]) -> bool:
    """Whether the credential may be used at servers now at which it might not be used before."""
    return values.record is not None and widens(values.record.hosts, values.draft.hosts)


def check_hosts(values: EnteredValues[Credential]) -> None:
    """Only who knows the secret may have it sent to more servers: otherwise an admin could send it to one of theirs."""
    if values.record is None or HOSTS in values.errors or not is_widened(values):
        return
    secrets = [field for field in values.draft.spec.fields if field.secret]
    if any(getattr(values.record, field.attribute) for field in secrets) and not any(map(values.given, secrets)):
        flaw = f"was {values.record.hosts}, and is to allow more now"
        names = " or ".join(field.label.lower() for field in secrets)
        advice = f"Enter the {names} again along with it: only those who know it may have it sent to other servers."
        values.errors.add(HOSTS.name, HOSTS.refuse(flaw, advice, code="hosts-widened"))


def tell_elsewhere(session: Session, record: Credential, accounts: Iterable[MailAccount]) -> list[MailAccount]:
    """The accounts whose server is none of the credential's; those that are fetched fail from now on. The caller
    commits.
    """
    outside = [account for account in accounts if not is_for(record.hosts, server_of(account))]
    for account in outside:
        if account.validity is Validity.VALID:
            _fail(session, record, account)
    return outside


def _fail(session: Session, record: Credential, account: MailAccount) -> None:
    """What the next run would find out."""
    error = mail_error("credential-elsewhere", credential=record.name, hosts=record.hosts, host=server_of(account))
    account.state = state = account.state or AccountState(failures=0, backlog=0, backlog_growth=0)
    note_failure(session, account, state, error)
    state.failures = max(state.failures, 1)
    state.error_code, state.error_stage, state.error_server = error.code, error.stage, error.server
    state.error_message, state.error_advice = error.message, error.advice
