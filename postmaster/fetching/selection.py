"""Which accounts a run is about, and which of them it passes over."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.accounts.health import REQUESTABLE, Health, account_health
from postmaster.accounts.mailbox import server_of
from postmaster.accounts.models import MailAccount
from postmaster.errors import InputError
from postmaster.fetching.pool import Candidate
from postmaster.resources.models import Validity

# Why an account is passed over.
SKIPPED: dict[Health, str] = {
    Health.PAUSED_BY_HAND: "paused; resume it with: flask account resume",
    Health.NEEDS_CREDENTIAL: "needs a valid credential",
    Health.NEEDS_UPDATE: "its credential has to be authorised again or changed",
    Health.PAUSED: "login refused; it waits until the credential or the account changes",
}


def choose_accounts(session: Session, names: Sequence[str]) -> list[Candidate]:
    """The accounts called ``names`` (ids or labels), or all valid ones.

    Raises NotFoundError for a name that no account or several have, InputError for an account that is not valid.
    """
    if names:
        from postmaster.accounts.service import AccountService

        find = AccountService(session, actor="").find
        accounts = list({account.id: account for account in map(find, names)}.values())
    else:
        valid = select(MailAccount).where(MailAccount.validity == Validity.VALID).order_by(MailAccount.id)
        accounts = list(session.scalars(valid).unique())
    return [_candidate(account, named=bool(names)) for account in accounts]


def _candidate(account: MailAccount, *, named: bool) -> Candidate:
    health = account_health(account)
    if health is Health.INVALID:
        message = f"The account {account.label} is {account.validity.value}, so it is not fetched."
        raise InputError("Validity", message, f"Set it valid first: flask account set {account.id} --validity valid")
    skipped = "" if named and health in REQUESTABLE else SKIPPED.get(health, "")
    return Candidate(account.id, account.label, server_of(account).lower(), skipped)
