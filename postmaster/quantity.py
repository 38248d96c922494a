"""Numbers of things in sentences."""

from __future__ import annotations


def quantity(count: int, noun: str, plural: str = "") -> str:
    """As in "1 message" and "1,234 messages". ``plural`` where it is not the noun with an s.

    The noun may bring its verb along: ``quantity(count, "event waits", "events wait")``.
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
