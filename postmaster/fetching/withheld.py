"""Messages that a server has but does not hand over: kept in mind from run to run, and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from postmaster.extensions import now
from postmaster.fetching.caution import STRIKES
from postmaster.ledger.models import WithheldMail

MAX_NAMED = 20
"""How many messages of an account are named."""

INCIDENT_RUNS = 3
"""After how many runs in a row without a message somebody has to look at it."""


def remember_withheld(session: Session, account_id: int, told: Mapping[str, str]) -> None:
    """Keep in mind what a run could not have that saw the whole mailbox. The caller commits.

    ``told`` are sentences by what tells the messages apart; those not among them have come, or are gone.
    """
    known = {row.name: row for row in session.scalars(select(WithheldMail).filter_by(account_id=account_id))}
    kept = {name[:300]: sentence[:1000] for name, sentence in list(told.items())[:MAX_NAMED]}
    still = {name[:300] for name in told}
    for name, row in known.items():
        if name not in kept and not (row.strikes and name in still):
            session.delete(row)
    for name, sentence in kept.items():
        if name in known:
            known[name].runs, known[name].sentence = known[name].runs + 1, sentence
        else:
            session.add(WithheldMail(account_id=account_id, name=name, sentence=sentence, runs=1, since=now()))


def withheld_of(session: Session, account_id: int) -> Sequence[WithheldMail]:
    """What the server of this account withholds, by the last run that saw the whole mailbox, and what is left because
    runs ended with it.
    """
    told = or_(WithheldMail.runs > 0, WithheldMail.strikes >= STRIKES)
    wanted = select(WithheldMail).where(WithheldMail.account_id == account_id, told)
    return session.scalars(wanted.order_by(WithheldMail.since, WithheldMail.name)).all()


def long_withheld(session: Session) -> dict[int, int]:
    """How many messages are withheld for so many runs that somebody has to look, by account."""
    wanted = select(WithheldMail.account_id, func.count()).where(WithheldMail.runs >= INCIDENT_RUNS)
    wanted = wanted.where(WithheldMail.strikes < STRIKES)  # told as what it is
    return {row[0]: row[1] for row in session.execute(wanted.group_by(WithheldMail.account_id))}
