"""Which mailbox an account is for: two accounts with the same key would take each other's mail."""

from __future__ import annotations

from collections.abc import Collection, Iterator
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
    near = or_(MailAccount.host.is_(None), func.lower(MailAccount.host) == key.host)
    others = (other for other in accounts_with_login(session, {key.login}, near) if other.id != account.id)
    return next((other for other in others if mailbox_key(other) == key), None)


def accounts_with_login(
    session: Session, logins: Collection[str], *conditions: ColumnElement[bool]
) -> Iterator[MailAccount]:
    """The valid accounts that may sign in with one of ``logins``, which are folded."""
    credentials = select(Credential.id).where(_may_be(Credential.username, logins))
    signs_in = or_(
        and_(MailAccount.address.is_(None), MailAccount.credential_id.in_(credentials)),
        _may_be(MailAccount.address, logins),
    )
    query = select(MailAccount).where(MailAccount.validity == Validity.VALID, signs_in, *conditions)
    yield from session.scalars(query.order_by(MailAccount.id))


def _may_be(column: InstrumentedAttribute[Any], logins: Collection[str]) -> ColumnElement[bool]:
    """Whether ``column`` may hold one of ``logins``. SQLite folds only ASCII, so for others any row may."""
    return func.lower(column).in_(logins) if all(login.isascii() for login in logins) else true()
