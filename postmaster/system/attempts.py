"""How often a password may be wrong: counted in the database, so that all web processes count together.

Only failures count. Ten of one name from one address within a quarter of an hour, and that name waits there; other
names and other addresses do not notice, so nobody can lock out somebody else. What comes for one name from many
addresses is slowed down instead: each try takes longer, except from where that name has signed in before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import case, delete, select
from sqlalchemy.orm import Session

from postmaster.database import dialect_of, insert_into
from postmaster.errors import PostMasterError
from postmaster.extensions import now
from postmaster.system.models import PasswordTries

MAX_FAILURES = 10
WINDOW = timedelta(minutes=15)

# Where somebody signed in is remembered for so long.
FAMILIAR = timedelta(days=30)

# Failures of a name that cost nothing, the seconds that the next one takes, and the most that they double to.
FREE_FAILURES, FIRST_DELAY, LONGEST_DELAY = 5, 0.1, 4.0


class TooManyTriesError(PostMasterError):
    """A password was wrong too often."""

    def __init__(self, seconds: float = WINDOW.total_seconds()) -> None:
        wait = f"{seconds / 60:.0f} minutes" if seconds > 60 else f"{seconds:.0f} s"
        super().__init__(
            "too-many-tries",
            "The password was wrong too often.",
            f"Wait {wait}, then try again. If it is forgotten, set another one: flask user set-password",
        )
        self.seconds = round(seconds)


@dataclass(frozen=True)
class Attempt:
    """A try to sign in as ``name`` from ``address``."""

    name: str
    address: str

    @property
    def _pair(self) -> str:
        return _key("pair", self.name.casefold(), network_of(self.address))

    @property
    def _name(self) -> str:
        return _key("name", self.name.casefold())

    @property
    def _familiar(self) -> str:
        return _key("familiar", self.name.casefold(), network_of(self.address))

    def begin(self, session: Session) -> float:
        """Count it as a failure until it is known to be none; returns the seconds that it has to wait first.

        Raises TooManyTriesError. It is counted beforehand, so that many at once are no way around the limit.
        """
        if _count(session, self._pair) > MAX_FAILURES:
            raise TooManyTriesError
        failures = _count(session, self._name) - 1
        since = session.scalar(select(PasswordTries.since).where(PasswordTries.key == self._familiar))
        return 0.0 if since is not None and since > now() - FAMILIAR else delay_after(failures)

    def succeed(self, session: Session) -> None:
        """It was the right password: nothing counts any more, and the address is known."""
        _forget(session, self._pair, self._name, self._familiar)
        session.add(PasswordTries(key=self._familiar, failures=0, since=now()))


def count_guess(session: Session, token_hash: str) -> None:
    """A session asks to change its user's password. Raises TooManyTriesError after ten that were wrong.

    Counted by session: a thief of one has ten guesses, and the user's own browser does not notice.
    """
    if _count(session, _key("guess", token_hash)) > MAX_FAILURES:
        raise TooManyTriesError


def forget_guesses(session: Session, token_hash: str) -> None:
    """The guess was right, whatever else is wrong with the change."""
    _forget(session, _key("guess", token_hash))


def delay_after(failures: int) -> float:
    """Seconds that the next try for a name takes, after so many failures within the window."""
    doublings = min(failures - FREE_FAILURES, 20)
    return 0.0 if doublings < 0 else min(FIRST_DELAY * 2**doublings, LONGEST_DELAY)


def plain_address(text: str | None) -> str:
    """The IP address in ``text``, without the port that some proxies add; ``unknown`` if there is none."""
    given = (text or "").strip()
    if given.startswith("["):
        given = given[1:].partition("]")[0]
    elif given.count(":") == 1:
        given = given.partition(":")[0]
    try:
        address = ip_address(given.partition("%")[0])
    except ValueError:
        return "unknown"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 a /64, which is what one customer has at least."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


def _count(session: Session, key: str) -> int:
    """Count one more of ``key``; returns how many there are in its window."""
    moment = now()
    session.execute(delete(PasswordTries).where(PasswordTries.since < moment - FAMILIAR))
    fresh = PasswordTries.since > moment - WINDOW
    statement = insert_into(dialect_of(session), PasswordTries).values(key=key, failures=1, since=moment)
    counted = statement.on_conflict_do_update(
        index_elements=[PasswordTries.key],
        set_={
            "failures": case((fresh, PasswordTries.failures + 1), else_=1),
            "since": case((fresh, PasswordTries.since), else_=moment),
        },
    ).returning(PasswordTries.failures)
    return session.execute(counted).scalar_one()


def _forget(session: Session, *keys: str) -> None:
    session.execute(delete(PasswordTries).where(PasswordTries.key.in_(keys)))
