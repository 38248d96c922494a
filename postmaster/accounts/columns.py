"""What an account's properties compute, as SQL: for lists that are filtered, sorted and cut by the database.

Each says the same as its property, and a test holds it to that. The query joins ``Credential`` and ``AccountState``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm.attributes import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from postmaster.accounts.credential_health import USABLE, CredentialHealth, credential_health_column
from postmaster.accounts.health import Health
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.desk.models import Queue
from postmaster.resources.models import Validity


class before_at(FunctionElement[str]):  # noqa: N801 - an SQL function
    """The part of a text before its first @; all of it if it has none."""

    inherit_cache = True
    type = String()


@compiles(before_at, "sqlite")
def _before_at_sqlite(element: before_at, compiler: SQLCompiler, **options: Any) -> str:
    [column] = element.clauses
    text = compiler.process(column, **options)
    return f"substr({text}, 1, instr({text} || '@', '@') - 1)"


@compiles(before_at, "postgresql")
def _before_at_postgresql(element: before_at, compiler: SQLCompiler, **options: Any) -> str:
    [column] = element.clauses
    return f"split_part({compiler.process(column, **options)}, '@', 1)"


# Nobody has paused the account; also true of one that has no state yet, in an outer join.
NOT_PAUSED = AccountState.paused_at.is_(None)


def label_column() -> ColumnElement[str]:
    """``MailAccount.label``."""
    host = func.coalesce(MailAccount.host, "None")
    name = case(
        (func.coalesce(MailAccount.address, "") != "", MailAccount.address),
        (Credential.id.is_not(None), before_at(Credential.username) + "@" + host),
        else_=func.coalesce(func.nullif(MailAccount.host, ""), MailAccount.type),
    )
    folder = func.coalesce(func.nullif(MailAccount.folder, ""), "INBOX")
    return case((func.upper(folder) == "INBOX", name), else_=name + "/" + folder)


def health_column() -> ColumnElement[str]:
    """``account_health``."""
    standing = credential_health_column()
    outdated = standing == CredentialHealth.NEEDS_UPDATE.value
    unusable = case((outdated, Health.NEEDS_UPDATE.value), else_=Health.NEEDS_CREDENTIAL.value)
    return case(
        (MailAccount.validity != Validity.VALID, Health.INVALID.value),
        (AccountState.paused_at.is_not(None), Health.PAUSED_BY_HAND.value),
        (Credential.id.is_(None), Health.NEEDS_CREDENTIAL.value),
        (standing.not_in([usable.value for usable in USABLE]), unusable),  # most are, so that it is looked up once
        (_is_config_revision(AccountState.paused_revision), Health.PAUSED.value),
        (_is_config_revision(AccountState.held_revision), Health.NEEDS_CONFIRMATION.value),
        (AccountState.failures > 0, Health.FAILING.value),
        (_lost_queue(), Health.QUEUE_INVALID.value),
        (AccountState.last_success_at.is_not(None), Health.HEALTHY.value),
        else_=Health.NEVER.value,
    )


def _lost_queue() -> ColumnElement[bool]:
    """``has_lost_queue``."""
    lost = select(Queue.id).where(Queue.validity != Validity.VALID).correlate(None)
    return MailAccount.queue_id.in_(lost)


def _is_config_revision(kept: InstrumentedAttribute[str | None]) -> ColumnElement[bool]:
    """Whether ``kept`` is ``MailAccount.config_revision`` of an account with a credential. Of most accounts nothing is
    kept: then none is put together, which takes longer than all the rest.
    """
    account, credential, revision = (
        cast(column, String) for column in (MailAccount.revision, Credential.id, Credential.revision)
    )
    return and_(kept.is_not(None), kept == account + literal("/") + credential + literal(".") + revision)
