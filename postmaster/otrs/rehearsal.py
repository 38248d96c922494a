"""A copy of the desk to rehearse on: a database of its own among the temporary files, which is gone afterwards.

What is tried there may write as it likes and locks nothing here, so mail goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import AccountState, Authorisation, Credential, CredentialToken, MailAccount
from postmaster.bulk import insert_columns, table_of
from postmaster.database import configure_engine, dialect_of, read_session
from postmaster.desk.models import (
    Article,
    CustomerEntry,
    ImportedTicket,
    Queue,
    SystemAddress,
    ThreadKey,
    Ticket,
    TicketCounter,
    TicketField,
    TicketLink,
    TicketMerge,
)
from postmaster.extensions import Model, all_tables
from postmaster.ledger.models import PipeQueue
from postmaster.pipeline.filters.models import FilterAccount, FilterState, PostmasterFilter
from postmaster.resources.models import AuditEvent
from postmaster.system.models import SettingRow

# What an import or a decision reads. All other tables are there, and empty.
_COPIED: tuple[type[Model], ...] = (
    SettingRow,
    Queue,
    SystemAddress,
    Credential,
    CredentialToken,
    Authorisation,
    MailAccount,
    AccountState,
    PostmasterFilter,
    FilterAccount,
    FilterState,
    PipeQueue,
    CustomerEntry,
    AuditEvent,
    TicketCounter,
    Ticket,
    TicketLink,
    TicketMerge,
    TicketField,
    ImportedTicket,
    ThreadKey,
    Article,
)

# Columns that are not needed for it, and what stands in them.
_BLANK: Mapping[type[Model], Mapping[str, Any]] = {Article: {"header": {}, "text": "", "raw_id": None}}

# Rows that are held at a time.
_ROWS = 5_000


@contextmanager
def rehearsal() -> Iterator[Session]:
    """A session on a copy of the desk as it is now. Nothing that is done in it stays."""
    with TemporaryDirectory(prefix="postmaster-") as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'rehearsal.sqlite'}")
        configure_engine(engine)
        try:
            with Session(engine, expire_on_commit=False) as session:
                all_tables().create_all(session.connection())
                with read_session() as here:
                    _copy(here, session)
                yield session
        finally:
            engine.dispose()


def _copy(here: Session, copy: Session) -> None:
    """Copy what counts, as it is at one moment."""
    if dialect_of(here) == "postgresql":  # SQLite reads so anyway
        here.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    copy.connection().exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # some lead to what is not copied
    for model in _COPIED:
        blank = _BLANK.get(model, {})
        columns = [column for column in table_of(model).c if column.name not in blank]
        found = here.execute(select(*columns).execution_options(yield_per=_ROWS))
        for rows in found.partitions():
            _insert(copy, model, [column.name for column in columns], rows, blank)


def _insert(
    copy: Session, model: type[Model], names: Sequence[str], rows: Sequence[Any], blank: Mapping[str, Any]
) -> None:
    values = dict(zip(names, zip(*rows, strict=True), strict=True))
    insert_columns(copy, model, {**values, **{name: [value] * len(rows) for name, value in blank.items()}})
