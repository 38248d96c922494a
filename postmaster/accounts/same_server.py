"""Two names of one server: an account whose mailbox another valid account fetches under another host.

Nobody can know this for certain, since a name leads elsewhere tomorrow, so it is a warning and refuses nothing. Names
are looked up without a database transaction, and for two seconds at most.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from postmaster.accounts.mailbox import MailboxKey, accounts_with_login, mailbox_key
from postmaster.accounts.models import MailAccount
from postmaster.database import read_session
from postmaster.resources.models import Validity

# How long all look-ups of one warning may take together, and how many names there may be.
LOOKUP_SECONDS = 2.0
MAX_NAMES = 16

# How many accounts may be saved at once to be warned of, as by an import.
MAX_SAVED = 1000

THIS_MACHINE = "this machine"


@dataclass(frozen=True)
class Namesake:
    """A valid account with the login and folder of ``mine``, at a host of another name."""

    mine: MailboxKey
    mine_label: str
    account_id: int
    label: str
    host: str


def find_namesakes(session: Session, accounts: Sequence[MailAccount], besides: int | None = None) -> list[Namesake]:
    """The namesakes of ``accounts``, each pair once; ``besides`` is the id that none of them may have."""
    keys = [(account, key) for account in accounts if (key := mailbox_key(account))]
    mailboxes = defaultdict(list)
    for other in accounts_with_login(session, {key.login for _, key in keys}):
        if (other_key := mailbox_key(other)) and other.id != besides:
            mailboxes[other_key.login, other_key.folder].append((other, other_key.host))
    pairs: dict[frozenset[int | None], Namesake] = {}
    for account, key in keys:
        for other, host in mailboxes[key.login, key.folder]:
            if other.id != account.id and host != key.host:
                namesake = Namesake(key, account.label, other.id, other.label, host)
                pairs.setdefault(frozenset((account.id, other.id)), namesake)
    return list(pairs.values())


def warnings_about(column: InstrumentedAttribute[Any], ids: Collection[int]) -> list[str]:
    """The warnings about those valid accounts whose ``column`` is one of ``ids``, as they are stored now."""
    if not ids or len(ids) > MAX_SAVED:
        return []
    with read_session() as session:
        query = select(MailAccount).where(column.in_(ids), MailAccount.validity == Validity.VALID)
        accounts = session.scalars(query.order_by(MailAccount.id)).all()
        namesakes = find_namesakes(session, accounts)
    return list(same_server_warnings(namesakes))


def same_server_warnings(namesakes: Sequence[Namesake]) -> Iterator[str]:
    """A sentence for each of ``namesakes`` whose host leads to the same server."""
    names = dict.fromkeys(host for namesake in namesakes for host in (namesake.mine.host, namesake.host))
    places = look_up(list(names)[:MAX_NAMES])
    for namesake in namesakes:
        shared = places.get(namesake.mine.host, frozenset()) & places.get(namesake.host, frozenset())
        if shared:
            yield _sentence(namesake, min(shared))


def _sentence(namesake: Namesake, place: str) -> str:
    mine, label = namesake.mine, namesake.mine_label
    return (
        f"Account {namesake.account_id}, {namesake.label}, seems to fetch the same mailbox as {label}: "
        f"{mine.host} and {namesake.host} are the same server ({place}), "
        f"and both sign in as “{mine.login}”. A message may become two tickets. Set one of the two accounts invalid."
    )


def look_up(hosts: Collection[str], seconds: float = LOOKUP_SECONDS) -> dict[str, frozenset[str]]:
    """The addresses that each of ``hosts`` leads to, and its canonical name; nothing for those not known by then.

    The system's look-up cannot be interrupted, so threads do it that may be left behind.
    """
    found: dict[str, frozenset[str]] = {}
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=_look_up, args=(host, found), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(found)


def _look_up(host: str, found: dict[str, frozenset[str]]) -> None:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except (OSError, ValueError):  # UnicodeError, of what has not even the form of a name, is a ValueError
        return
    found[host] = frozenset(_places((row[3], str(row[4][0])) for row in rows))


def _places(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What tells a server from others. Of several names for one, the canonical one stays when addresses take turns."""
    for canonical, text in rows:
        if canonical:
            yield canonical.rstrip(".").lower()
        address = ip_address(text.partition("%")[0])
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        yield THIS_MACHINE if address.is_loopback or address.is_unspecified else str(address)
