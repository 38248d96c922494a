"""Which mailbox an account is for: two accounts with the same key would take each other's mail."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.system.models import Validity


class MailboxKey(NamedTuple):
    """A mailbox, folded so that spellings of the same one are equal. POP3 knows one folder only: INBOX."""

    host: str
    login: str
    folder: str


def mailbox_key(account: MailAccount) -> MailboxKey | None:
    """The key of the account's mailbox; None as long as it has no credential.

    The port is left out: 143 and 993 lead to the same mail. Servers differ in whether a login's case matters;
    folding it can only refuse too much, while not folding it could take a message twice.
    """
    if account.login is None:
        return None
    host = (account.host or "").strip().rstrip(".").lower()
    folder = (account.folder or "INBOX").strip()
    return MailboxKey(host, account.login.strip().lower(), "INBOX" if folder.upper() == "INBOX" else folder)


def rival(session: Session, account: MailAccount) -> MailAccount | None:
    """Another valid account on the same mailbox; the two would take each other's mail."""
    key = mailbox_key(account)
    if key is None:
        return None
    same_server = or_(
        func.lower(MailAccount.host) == key.host,
        and_(MailAccount.host.is_(None), func.lower(MailAccount.address) == key.login),
    )
    query = select(MailAccount).where(MailAccount.validity == Validity.VALID, same_server).order_by(MailAccount.id)
    others = (other for other in session.scalars(query) if other is not account)
    return next((other for other in others if mailbox_key(other) == key), None)
