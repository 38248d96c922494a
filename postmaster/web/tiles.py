"""The tiles of a board: what each shows, and which of them a page that shows some already has to be given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sqlalchemy.orm import Session

from postmaster.accounts.health import Health
from postmaster.accounts.models import MailAccount
from postmaster.extensions import now
from postmaster.fetching.overview import AccountView, view_of
from postmaster.ledger.hourly_counts import midnight, recorded_since
from postmaster.operations.progress import Progress, progress
from postmaster.operations.uptime import Uptime, uptimes
from postmaster.web.pulse import fetching, refusal_of, text_mark
from postmaster.web.times import local


@dataclass(frozen=True)
class AccountNow:
    """How an account stands. ``progress`` is there while it is queued or running, ``refusal`` says why nobody can have
    it fetched now. ``mark`` is another one whenever its tile has to be renewed.
    """

    account: AccountView
    progress: Progress | None
    refusal: str
    mark: str

    @property
    def health(self) -> Health:
        """How the account stands, in a word."""
        return self.account.health


@dataclass(frozen=True)
class Tile(AccountNow):
    """An account with all that its tile shows: ``today`` counts what was recorded today; ``uptime`` is None if it was
    never fetched.
    """

    today: int
    uptime: Uptime | None


@dataclass(frozen=True)
class Arrangement:
    """What becomes of the tiles that a page has ``shown``, of which there may be none: those of ``gone`` accounts leave
    it, ``kept`` ones are left as they are. ``moved`` says behind which account others come, 0 for none: they are new,
    or stood elsewhere.
    """

    shown: Collection[int]
    gone: Sequence[int]
    kept: Collection[int]
    moved: Mapping[int, int]


def standings(session: Session, accounts: Sequence[MailAccount]) -> list[AccountNow]:
    """How ``accounts`` stand, in one query."""
    going_on = progress(session)
    return [_standing(account, going_on.get(account.id)) for account in accounts]


def _standing(account: MailAccount, activity: Progress | None) -> AccountNow:
    view, state = view_of(account), fetching()
    refusal = refusal_of(view.health, activity)
    last_run = account.state and account.state.last_run_at
    # What follows from time alone, as a strip that moves on, is renewed with the hour.
    telling = view, activity, refusal, last_run, state and state.ok, f"{local(now()):%F %H}"
    return AccountNow(view, activity, refusal, text_mark(repr(telling)))


def arrange(shown: Mapping[int, str], standing: Sequence[AccountNow]) -> Arrangement:
    """What to do with the tiles that are ``shown``, by their marks in the order of the page, to show ``standing``.

    As few as can be are moved, so nobody loses their place in one that does not change.
    """
    before, marks = list(shown), {each.account.id: each.mark for each in standing}
    after = list(marks)
    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    staying = {number for block in blocks for number in after[block.b : block.b + block.size]}
    return Arrangement(
        shown=shown.keys(),
        gone=[number for number in before if number not in marks],
        kept={number for number in staying if shown[number] == marks[number]},
        moved={number: previous for previous, number in zip([0, *after], after, strict=False) if number not in staying},
    )


def tiles_of(session: Session, accounts: Sequence[MailAccount], standing: Sequence[AccountNow]) -> list[Tile]:
    """The tiles of ``accounts``, which stand like ``standing``; without a query if there are none."""
    if not accounts:
        return []
    counted = recorded_since(session, midnight(), [account.id for account in accounts])
    fetched = uptimes(session, accounts)
    return [
        Tile(**vars(each), today=counted.get(account.id, 0), uptime=fetched.get(account.id))
        for account, each in zip(accounts, standing, strict=True)
    ]
