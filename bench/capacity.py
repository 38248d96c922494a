"""What one machine carries, reckoned from what was measured on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.results import Result

DAY = 86_400
BUSY = 0.5
"""The share of the time that may go into fetching, so that a morning's rush is worked off while it comes."""

INTERVAL = 600
"""Seconds between two polls of an account."""

# Messages an account and day, for which it is reckoned.
EACH = (10, 100, 1000)


def capacity_table(found: Mapping[str, Result]) -> Iterator[str]:
    """Lines of Markdown: for each database, how many accounts with so many messages a day each.

    An account takes time for its polls and for its messages. Of what one process does on one host at a time this is
    the measured slope; that it goes on straight beyond what was measured is assumed.
    """
    if "imap" not in found or "polling" not in found:
        yield "Not measured yet: `bench/run imap polling --write`"
        return
    rates = {line.name: line.median for line in found["imap"].lines if line.name != "floor"}
    accounts = int(found["polling"].unit.split()[2].replace(",", ""))
    poll = found["polling"].lines[0].median / accounts
    yield f"| messages a day and account | {' | '.join(rates)} |"
    yield f"|---|{'--:|' * len(rates)}"
    for each in EACH:
        carried = [_accounts(each, rate, poll) for rate in rates.values()]
        cells = (f"{count:,} accounts, {count * each:,} messages" for count in carried)
        yield f"| {each:,} | {' | '.join(cells)} |"


def _accounts(messages: int, rate: float, poll: float) -> int:
    """How many accounts, rounded to what two digits tell."""
    seconds = DAY / INTERVAL * poll + messages / rate
    count = DAY * BUSY / seconds
    digits = max(0, len(str(int(count))) - 2)
    unit = int(10**digits)
    return int(count) // unit * unit
