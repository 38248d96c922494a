"""The judge of the fleet sees in a server's log what must not be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from postmaster.fetching.schedule import next_slot
from tests.soak.fleet import PERIOD, SESSIONS, judge

NOON = datetime(2026, 11, 25, 12).astimezone()
END = NOON + 5 * PERIOD
ACCOUNTS = {f"u{number}": number for number in range(1, 6)}
SECOND = timedelta(seconds=1)

Visit = tuple[datetime, str]


def good() -> list[Visit]:
    """Each account at once, and at each of its moments until the end; some seconds late."""
    slots = {user: next_slot(number, PERIOD, NOON + 20 * SECOND) for user, number in ACCOUNTS.items()}
    first = [(NOON + 3 * number * SECOND, user) for user, number in ACCOUNTS.items()]
    return [
        *first,
        *((slot + round_ * PERIOD + 8 * SECOND, user) for user, slot in slots.items() for round_ in range(4)),
    ]


def log_of(visits: Iterable[Visit], seconds: int = 1) -> str:
    """What Dovecot writes of sessions that last so long."""
    lines = []
    for moment, user in visits:
        lines.append((moment, 1, f"imap-login: Info: Login: user=<{user}>, method=PLAIN"))
        lines.append((moment + seconds * SECOND, 0, f"imap({user})<17><x1>: Info: Disconnected: Logged out in=1 out=2"))
    return "\n".join(f"{moment.astimezone():%b %d %H:%M:%S} {words}" for moment, _, words in sorted(lines))


def test_a_log_in_which_all_is_as_it_should_be_passes() -> None:
    judge(log_of(good()), ACCOUNTS, END)


def without(visits: list[Visit], user: str, *places: int) -> list[Visit]:
    """All but these visits of that user."""
    mine = sorted(visit for visit in visits if visit[1] == user)
    return [visit for visit in visits if visit not in [mine[place] for place in places]]


@pytest.mark.parametrize(
    ("visits", "words"),
    [
        (without(good(), "u3", *range(5)), "fetched no more or never: 1 accounts, such as u3"),
        (without(good(), "u3", 2, 3, 4), "fetched no more or never: 1 accounts, such as u3"),
        (without(good(), "u3", 2), "not fetched in an interval"),
        ([*good(), (NOON + 40 * SECOND, "u1")], "fetched twice in an interval"),
        ([*good(), (max(good())[0] + 5 * SECOND, max(good())[1])], "fetched twice in an interval"),
    ],
    ids=["never", "forgotten", "left out", "twice at the beginning", "twice at the end"],
)
def test_what_is_wrong_is_seen(visits: list[Visit], words: str) -> None:
    with pytest.raises(SystemExit, match=words):
        judge(log_of(visits), ACCOUNTS, END)


def test_too_many_sessions_are_seen() -> None:
    assert len(ACCOUNTS) > SESSIONS
    with pytest.raises(SystemExit, match="too many sessions"):
        judge(log_of(good(), seconds=20), ACCOUNTS, END)
