"""States and priorities of tickets, with the defaults that service desks know (REFERENCE section 2)."""

from __future__ import annotations

STATES = (
    "new",
    "open",
    "pending reminder",
    "pending auto close+",
    "pending auto close-",
    "closed successful",
    "closed unsuccessful",
    "merged",
    "removed",
)

PRIORITIES = ("1 very low", "2 low", "3 normal", "4 high", "5 very high")
