"""The quarantine as pages list it: what waits longest stands first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from postmaster.ledger.models import Quarantine
from postmaster.pipeline.decision import REASONS
from postmaster.resources.listing import Listing, matching
from postmaster.resources.numbers import MAX_ID

# More are not counted for the navigation, which is on each page.
MANY = 100

_QUARANTINE = Listing(
    key=Quarantine.id,
    query=select(Quarantine),
    searched=(
        Quarantine.subject,
        Quarantine.sender,
        Quarantine.label,
        Quarantine.reason,
        case(REASONS, value=Quarantine.reason, else_=""),
        Quarantine.error,
    ),
    sorts={
        "received": (Quarantine.id,),
        "mail": (func.lower(Quarantine.subject),),
        "reason": (Quarantine.reason,),
        "size": (Quarantine.size,),
    },
)


def quarantine_listing(account: str = "") -> Listing:
    """The messages in quarantine, or those that came by the account with that label."""
    if not account:
        return _QUARANTINE
    chosen = _QUARANTINE.query.where(Quarantine.label == account.replace("\0", ""))
    return dataclasses.replace(_QUARANTINE, query=chosen)


@dataclass(frozen=True)
class QuarantineFilter:
    """Which messages: words anywhere, by the account of that label, with ids up to ``newest``.

    Those that came later, nobody has seen yet.
    """

    text: str = ""
    account: str = ""
    newest: int = MAX_ID

    def ids(self, session: Session, after: int = 0) -> Sequence[int]:
        """Their ids, the smallest first, above ``after``."""
        listing = quarantine_listing(self.account)
        between = Quarantine.id > after, Quarantine.id <= self.newest
        found = listing.query.where(*matching(listing.searched, self.text), *between)
        return session.scalars(found.with_only_columns(Quarantine.id).order_by(Quarantine.id)).all()


def newest_quarantined(session: Session) -> int:
    """The id of the message that came last; 0 if there is none."""
    return session.scalar(select(func.max(Quarantine.id))) or 0


def quarantined_accounts(session: Session) -> Sequence[str]:
    """The labels of the accounts that messages in quarantine came by."""
    return session.scalars(select(Quarantine.label).distinct().order_by(Quarantine.label)).all()


def quarantined(session: Session) -> int:
    """How many messages are in quarantine; ``MANY`` if there are more."""
    some = select(Quarantine.id).limit(MANY).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0
