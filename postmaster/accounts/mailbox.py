"""Which mailbox an account is for: two accounts with the same key would take each other's mail."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from postmaster import config
from postmaster.accounts.models import Credential, MailAccount
from postmaster.resources.models import Validity


class MailboxKey(NamedTuple):
    """A mailbox, folded so that spellings of the same one are equal. POP3 knows one folder only: INBOX."""

    host: str
    login: str
    folder: str


def server_of(account: MailAccount) -> str:
    """The host that the account's mail is fetched from: the one entered, or that of all accounts of type Outlook365."""
    return account.host or config.current().outlook_host


def mailbox_key(account: MailAccount, login: str | None = None) -> MailboxKey | None:
    """The key of the account's mailbox, with ``login`` in place of its own; None as long as it has no credential.

    The port is left out: 143 and 993 lead to the same mail. Servers differ in whether a login's case matters;
    folding it can only refuse too much, while not folding it could take a message twice.
    """
    login = login or account.login
    if login is None:
        return None
    host = server_of(account).strip().rstrip(".").lower()
    folder = (account.folder or "INBOX").strip()
    return MailboxKey(host, login.strip().lower(), "INBOX" if folder.upper() == "INBOX" else folder)


def rival(session: Session, account: MailAccount, login: str | None = None) -> MailAccount | None:
    """Another valid account on the same mailbox, if the account had that ``login``; the two would take each other's
    mail.
    """
    key = mailbox_key(account, login)
    if key is None:
        return None
    credentials = select(Credential.id).where(_may_be(Credential.username, key.login))
    near = or_(
        and_(func.lower(MailAccount.host) == key.host, MailAccount.credential_id.in_(credentials)),
        and_(MailAccount.host.is_(None), _may_be(MailAccount.address, key.login)),
    )
    query = select(MailAccount).where(MailAccount.validity == Validity.VALID, near).order_by(MailAccount.id)
    others = (other for other in session.scalars(query) if other.id != account.id)
    return next((other for other in others if mailbox_key(other) == key), None)


def _may_be(column: InstrumentedAttribute[Any], login: str) -> ColumnElement[bool]:
    """Whether ``column`` may hold ``login``. SQLite folds only ASCII, so for others any row may."""
    return func.lower(column) == login if login.isascii() else true()
