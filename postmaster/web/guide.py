"""The first steps, up to the first ticket: which one is next, and what keeps it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.accounts.complaint import Complaint, complaint_of
from postmaster.accounts.health import account_health
from postmaster.accounts.models import MailAccount
from postmaster.desk.models import Ticket
from postmaster.extensions import now
from postmaster.operations.progress import Progress
from postmaster.web.pulse import refusal_of

# For how long the first ticket is pointed at.
POINTED_AT = timedelta(days=1)


@dataclass(frozen=True)
class Guide:
    """``step`` is the next one, from 1. ``account`` is the first one, ``ticket`` the number of the first ticket.

    ``complaint`` is what keeps the account from being fetched, ``refusal`` why nobody can press Fetch now; ``empty``
    says that it was fetched, and held no mail.
    """

    step: int
    account: MailAccount | None = None
    ticket: str = ""
    complaint: Complaint | None = None
    refusal: str = ""
    empty: bool = False

    @property
    def mark(self) -> str:
        """Another one whenever something else is shown."""
        return f"{self.step}{self.complaint or ''}{self.refusal}{self.empty:d}"


FIRST_STEP = Guide(1)


def guide_of(session: Session, going_on: Mapping[int, Progress]) -> Guide | None:
    """The first steps; None a day after the first ticket, and while there are several accounts, so in two queries."""
    accounts = session.scalars(select(MailAccount).order_by(MailAccount.id).limit(2)).unique().all()
    if not accounts:
        return FIRST_STEP
    first = session.execute(select(Ticket.number, Ticket.created_at).order_by(Ticket.id).limit(1)).first()
    if len(accounts) > 1 or (first and first.created_at < now() - POINTED_AT):
        return None
    return Guide(3, ticket=first.number) if first else _before_mail(accounts[0], going_on)


def _before_mail(account: MailAccount, going_on: Mapping[int, Progress]) -> Guide:
    empty = account.state is not None and account.state.last_success_at is not None
    refusal = refusal_of(account_health(account), going_on.get(account.id))
    return Guide(2, account, complaint=complaint_of(account), refusal=refusal, empty=empty)
