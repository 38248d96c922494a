"""From an account to what it says about its messages."""

from __future__ import annotations

from sqlalchemy.orm import Session

from postmaster.accounts.models import Dispatching, MailAccount
from postmaster.parsing.address_key import address_key
from postmaster.pipeline.decision import Rules
from postmaster.system.lists import read_names


def account_rules(account: MailAccount) -> Rules:
    """The rules of ``account`` as they are now."""
    queue_id = account.queue_id if account.dispatching == Dispatching.QUEUE else None
    names = (account.address, account.login)
    own = frozenset(address_key(name) for name in names if name and "@" in name)
    servers = read_names(account.authserv_ids or "")
    return Rules(account.trust, queue_id, account.id, own_addresses=own, authserv_ids=servers)


def present_rules(session: Session, account_id: int | None) -> Rules:
    """The rules of the account with that id; the usual ones, dispatching by To:, if it has been deleted."""
    account = session.get(MailAccount, account_id) if account_id else None
    return account_rules(account) if account else Rules()
