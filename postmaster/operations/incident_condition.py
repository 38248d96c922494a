"""What a kind of trouble that raises an alert is, and one thing that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class IncidentTrouble:
    """One thing that is wrong. ``subject`` tells it from others of its condition; ``path`` is the page about it.

    ``size`` is how much is wrong, where that can grow: messages, accounts, seconds.
    """

    subject: str
    sentence: str
    path: str
    size: int = 0


# None: it cannot be told at the moment, and what was wrong counts as being so still.
Find = Callable[[Session, datetime], Sequence[IncidentTrouble] | None]


@dataclass(frozen=True, slots=True)
class IncidentCondition:
    """A kind of trouble. It is told once it has lasted for ``patience``.

    What somebody acknowledged is told again when its size is more than ``leeway`` times what it was then.
    """

    name: str
    title: str
    find: Find
    patience: timedelta = timedelta(0)
    leeway: int = 1
