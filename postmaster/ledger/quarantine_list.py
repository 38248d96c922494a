"""The quarantine as pages list it: what waits longest stands first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, aliased

from postmaster.ledger.models import Quarantine
from postmaster.pipeline.decision import REASONS, STORM
from postmaster.resources.keyset import count_newer
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


# Groups that are shown above the list, and messages that make one.
MAX_GROUPS, SMALLEST_GROUP = 5, 2

# What messages of a group have in common beside account and reason: with a storm its sender, else the error.
_CAUSE = case((Quarantine.reason == STORM, Quarantine.sender), else_=Quarantine.error)


@dataclass(frozen=True)
class QuarantineGroup:
    """Messages that are here for the same cause by the same account; ``newest`` is the id of the newest of them."""

    newest: int
    count: int
    label: str
    reason: str
    cause: str


def quarantine_groups(session: Session) -> Sequence[QuarantineGroup]:
    """The largest groups of messages that have everything in common but their text, the largest first."""
    common = (Quarantine.label, Quarantine.reason, _CAUSE.label("cause"))
    count = func.count().label("count")
    query = select(func.max(Quarantine.id), count, *common).group_by(*common).having(count >= SMALLEST_GROUP)
    rows = session.execute(query.order_by(count.desc(), func.max(Quarantine.id)).limit(MAX_GROUPS))
    return [QuarantineGroup(*row) for row in rows]


def quarantine_listing(account: str = "", like: int | None = None) -> Listing:
    """The messages in quarantine, or those that came by the account with that label, or are in the group of the message
    with the id ``like``.
    """
    chosen = _QUARANTINE.query
    if account:
        chosen = chosen.where(Quarantine.label == account.replace("\0", ""))
    if like is not None:
        chosen = chosen.where(*_in_group(like))
    return dataclasses.replace(_QUARANTINE, query=chosen)


def _in_group(like: int) -> Iterator[ColumnElement[bool]]:
    """What the messages of a group meet; none does once the message that names it is gone."""
    one = aliased(Quarantine)
    theirs = one.label, one.reason, case((one.reason == STORM, one.sender), else_=one.error)
    for column, value in zip((Quarantine.label, Quarantine.reason, _CAUSE), theirs, strict=True):
        yield column == select(value).where(one.id == like).scalar_subquery()


@dataclass(frozen=True)
class QuarantineFilter:
    """Which messages: words anywhere, by the account of that label, with ids up to ``newest``, in the group of the
    message with the id ``like``.

    Those that came later, nobody has seen yet.
    """

    text: str = ""
    account: str = ""
    newest: int = MAX_ID
    like: int | None = None

    def ids(self, session: Session, after: int = 0) -> Sequence[int]:
        """Their ids, the smallest first, above ``after``."""
        listing = quarantine_listing(self.account, self.like)
        between = Quarantine.id > after, Quarantine.id <= self.newest
        found = listing.query.where(*matching(listing.searched, self.text), *between)
        return session.scalars(found.with_only_columns(Quarantine.id).order_by(Quarantine.id)).all()

    def count_newer(self, session: Session, after: int) -> int:
        """How many there are with ids above ``after``; ``MANY_NEW`` if there are more."""
        listing = quarantine_listing(self.account, self.like)
        newer = listing.query.where(*matching(listing.searched, self.text))
        return count_newer(session, newer, Quarantine.id, after)


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
