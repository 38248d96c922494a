"""The customer directory: which login and number the sender of a message has (docs/glossary.md#customer-directory)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from postmaster.bulk import among
from postmaster.database import dialect_of
from postmaster.desk.models import CustomerEntry
from postmaster.parsing.address_key import address_key
from postmaster.resources.listing import PAGE_SIZE, matching

# What stands for any local part.
ANYBODY = "*@"


def domain_pattern(key: str) -> str:
    """The entry for all addresses of the domain of ``key``; empty if it has none."""
    _, at, domain = key.rpartition("@")
    return f"{ANYBODY}{domain}" if at else ""


def customers_of(session: Session, keys: Iterable[str]) -> dict[str, CustomerEntry]:
    """The entries of these addresses, which are as they are compared: an exact one before that of the domain."""
    wanted = {key for key in keys if key}
    patterns = wanted | {domain_pattern(key) for key in wanted} - {""}
    if not patterns:
        return {}
    query = entry_query(dialect_of(session))
    found = {row.address: row for row in session.scalars(query, {"addresses": sorted(patterns)})}
    entries = ((key, found.get(key) or found.get(domain_pattern(key))) for key in wanted)
    return {key: entry for key, entry in entries if entry is not None}


def find_customer(session: Session, address: str) -> CustomerEntry | None:
    """The entry that counts for ``address``, however it is written."""
    key = address_key(address)
    return customers_of(session, [key]).get(key)


def page_of_customers(session: Session, words: str, after: str) -> tuple[Sequence[CustomerEntry], str]:
    """The entries behind the address ``after`` that have each of ``words``, a page of them, and the address behind
    which there are more; empty if there are none.
    """
    columns = (CustomerEntry.address, CustomerEntry.login, CustomerEntry.number)
    query = select(CustomerEntry).where(CustomerEntry.address > after, *matching(columns, words))
    found = session.scalars(query.order_by(CustomerEntry.address).limit(PAGE_SIZE + 1)).all()
    shown = found[:PAGE_SIZE]
    return shown, shown[-1].address if len(found) > PAGE_SIZE else ""


def all_customers(session: Session) -> Iterator[CustomerEntry]:
    """All entries, never all in memory."""
    query = select(CustomerEntry).order_by(CustomerEntry.address).execution_options(yield_per=5_000)
    yield from session.scalars(query)


@cache
def entry_query(dialect: str) -> Select[CustomerEntry]:
    """The entries of ``addresses``: by the primary key."""
    return select(CustomerEntry).where(among(dialect, CustomerEntry.address, "addresses"))
