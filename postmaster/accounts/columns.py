"""What an account's properties compute, as SQL: for lists that are filtered, sorted and cut by the database.

Each says the same as its property, and a test holds it to that. The query joins ``Credential`` and ``AccountState``.
"""

from __future__ import annotations

from collections.abc import Mapping
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


_WORDS: Mapping[Health, str] = {health: health.value for health in Health}


def health_column(told: Mapping[Health, Any] = _WORDS) -> ColumnElement[Any]:
    """``account_health``; what is ``told`` of it, if that is not its word."""
    return case(
        (MailAccount.validity != Validity.VALID, told[Health.INVALID]),
        (AccountState.paused_at.is_not(None), told[Health.PAUSED_BY_HAND]),
        (Credential.id.is_(None), told[Health.NEEDS_CREDENTIAL]),
        else_=func.coalesce(_needs(told), _health_of(told)),
    )


def _needs(told: Mapping[Health, Any]) -> ColumnElement[Any]:
    """``needs``, of a credential that is usable nothing. It stands in a query once: nothing else takes as long."""
    needs = dict.fromkeys(CredentialHealth, told[Health.NEEDS_CREDENTIAL])
    own = {CredentialHealth.NEEDS_UPDATE: told[Health.NEEDS_UPDATE]}
    return credential_health_column(needs | own | dict.fromkeys(USABLE))


def _health_of(told: Mapping[Health, Any]) -> ColumnElement[Any]:
    """How an account stands whose credential is usable."""
    return case(
        (_is_config_revision(AccountState.paused_revision), told[Health.PAUSED]),
        (_is_config_revision(AccountState.held_revision), told[Health.NEEDS_CONFIRMATION]),
        (AccountState.failures > 0, told[Health.FAILING]),
        (_lost_queue(), told[Health.QUEUE_INVALID]),
        (AccountState.last_success_at.is_not(None), told[Health.HEALTHY]),
        else_=told[Health.NEVER],
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
