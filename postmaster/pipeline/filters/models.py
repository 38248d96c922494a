"""Tables of the postmaster filters."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from postmaster.accounts.models import MailAccount
from postmaster.extensions import BigId, Id, Model, UtcDateTime, choice, now
from postmaster.resources.models import Validity

# Filters are evaluated in ASCII order of their names, whatever language the database sorts in.
ASCII = String(200).with_variant(String(200, collation="C"), "postgresql")


class PostmasterFilter(Model):
    """A filter. Its conditions and what it sets are kept as they are entered: ``Header=RE`` and ``Header=value``.

    All of ``match`` must be found, none of ``not_match``. It is for the chosen ``accounts`` unless ``all_accounts``.
    What it captures is looked for in the dynamic field ``followup_field`` of open tickets.
    """

    __tablename__ = "postmaster_filter"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(ASCII, unique=True)
    stop: Mapped[bool]
    match: Mapped[list[str]] = mapped_column(JSON)
    not_match: Mapped[list[str]] = mapped_column(JSON)
    sets: Mapped[list[str]] = mapped_column(JSON)
    followup_field: Mapped[str | None] = mapped_column(String(60))
    all_accounts: Mapped[bool] = mapped_column(default=True)
    validity: Mapped[Validity] = mapped_column(choice(Validity), default=Validity.VALID)
    comment: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    revision: Mapped[int] = mapped_column()

    accounts: Mapped[list[MailAccount]] = relationship(secondary="filter_account", order_by=MailAccount.id)
    state: Mapped[FilterState | None] = relationship(lazy="joined", cascade="all, delete-orphan", passive_deletes=True)

    __mapper_args__ = {"version_id_col": revision}


class FilterAccount(Model):
    """A filter is for an account, if it is not for all."""

    __tablename__ = "filter_account"

    filter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("postmaster_filter.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("mail_account.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class FilterState(Model):
    """How often a filter took longer than it may, and when last: apart, so that no fetch makes an edit conflict.

    ``to_review``: an upgrade changed for which mail it matches, and nobody has saved it since.
    """

    __tablename__ = "filter_state"

    filter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("postmaster_filter.id", ondelete="CASCADE"), primary_key=True
    )
    slow_count: Mapped[int] = mapped_column(default=0)
    last_slow_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    to_review: Mapped[bool] = mapped_column(default=False, server_default=false())
