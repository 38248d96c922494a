"""The Flask extensions, and the column types that all models share."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Enum, Integer, MetaData, Table, event
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

from postmaster import clock


class Base(DeclarativeBase):
    """Base of all models; constraints get names, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)

# Where the models are. A command has those that it imports, and with them all that their foreign keys name.
MODEL_MODULES = (
    "accounts.models",
    "desk.models",
    "ledger.flow_models",
    "ledger.models",
    "operations.models",
    "outbox.models",
    "outlets.models",
    "pipeline.filters.models",
    "resources.models",
    "system.models",
)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


@event.listens_for(Table, "after_parent_attach")
def _never_the_same_id_twice(table: Table, metadata: MetaData) -> None:
    """SQLite gives away the id of the newest row again once that is deleted; a page left open would act on another."""
    if metadata is Base.metadata and table.autoincrement_column is not None:
        table.dialect_kwargs["sqlite_autoincrement"] = True


# SQLite counts up only in a column of type INTEGER, which there holds 64 bits as well.
BigId = BigInteger().with_variant(Integer(), "sqlite")
Id = Annotated[int, mapped_column(BigId, primary_key=True)]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware, stored in UTC. SQLite keeps no zone, so it is taken off and put back there."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


def choice(choices: type[ChoiceT]) -> Enum:
    """The column type of one of ``choices``, stored as the word that users see."""
    return Enum(
        choices,
        native_enum=False,
        create_constraint=False,
        length=40,
        values_callable=lambda values: [value.value for value in values],
    )


def all_tables() -> MetaData:
    """The tables of all models, also of those that nothing has imported yet."""
    for name in MODEL_MODULES:
        import_module(f"postmaster.{name}")
    return Base.metadata


def now() -> datetime:
    """This moment in UTC, by the clock of the database, which all processes have in common."""
    return clock.parse_clock()


def iso(moment: datetime | None) -> str | None:
    """``moment`` as JSON has it (ISO 8601), None for none."""
    return moment.isoformat() if moment else None


Json = dict[str, Any]
