"""How much of the time accounts were fetched: the last day as it went, and the last thirty days as a share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.extensions import now
from postmaster.fetching.outages import still_since
from postmaster.ledger.flow_models import Outage
from postmaster.system.settings import FETCH_INTERVAL, get_setting

DAY, PERIOD = timedelta(days=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Still:
    """A stretch in which no run went well, because runs ``failed`` or because there was none; ``end`` is None while it
    lasts.
    """

    began: datetime
    end: datetime | None
    failed: bool

    def seconds_within(self, begin: datetime, moment: datetime) -> float:
        """How much of it lies between the two moments."""
        return max(0.0, (min(self.end or moment, moment) - max(self.began, begin)).total_seconds())


@dataclass(frozen=True, slots=True)
class Uptime:
    """How an account was fetched up to ``moment``, from thirty days ago on, or since it was added."""

    moment: datetime
    known_since: datetime
    still: Sequence[Still]

    @property
    def share(self) -> float:
        """The part of the time in which it was fetched, from 0 to 1; 1 of no time."""
        whole = (self.moment - self.known_since).total_seconds()
        down = sum(each.seconds_within(self.known_since, self.moment) for each in self.still)
        return 1 - min(1.0, down / whole) if whole > 0 else 1.0

    @property
    def days(self) -> int:
        """The days that are known, from 1."""
        return max(1, round((self.moment - self.known_since) / DAY))

    @property
    def percent(self) -> str:
        """The share in words: never 100 if something was missing."""
        tenths = int(self.share * 1000)
        return "100 %" if tenths == 1000 else f"{tenths / 10:.1f} %"

    def within(self, period: timedelta) -> list[Still]:
        """What of ``period``, which ends now, it stood still, the oldest first."""
        begin = self.moment - period
        return [each for each in self.still if each.seconds_within(begin, self.moment) > 0]


def uptimes(session: Session, accounts: Sequence[MailAccount]) -> Mapping[int, Uptime]:
    """How these accounts were fetched, those that ever were; in two queries for any number of them."""
    moment, usual = now(), get_setting(session, FETCH_INTERVAL)
    over, found = _outages(session, accounts, moment), {}
    for account in accounts:
        if account.state and (account.state.last_run_at or account.state.last_success_at):
            lasting = _lasting(account, timedelta(minutes=account.interval or usual), moment)
            known_since = max(moment - PERIOD, account.created_at)
            found[account.id] = Uptime(moment, known_since, [*over[account.id], *lasting])
    return found


def _outages(session: Session, accounts: Sequence[MailAccount], moment: datetime) -> dict[int, list[Still]]:
    ids, found = [account.id for account in accounts], defaultdict(list)
    columns = Outage.account_id, Outage.began_at, Outage.ended_at, Outage.failed
    query = select(*columns).where(Outage.account_id.in_(ids), Outage.ended_at > moment - PERIOD)
    for account_id, began, end, failed in session.execute(query.order_by(Outage.began_at)):
        found[account_id].append(Still(began, end, failed))
    return found


def _lasting(account: MailAccount, interval: timedelta, moment: datetime) -> Iterator[Still]:
    if account.state and (since := still_since(account.state, interval, moment)):
        began, failed = since
        yield Still(began, None if failed else account.state.paused_at, failed)


def forget_old_outages(session: Session) -> None:
    """Remove what ended before the time that uptime is told of. The caller commits."""
    session.execute(delete(Outage).where(Outage.ended_at < now() - PERIOD))
