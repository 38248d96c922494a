"""What lists say that grow by themselves: how many rows are new. No row moves until somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.resources.keyset import MANY_NEW
from postmaster.web.asked import asked_id, asked_number
from postmaster.web.pulse import Pulse, PulseContext


@dataclass(frozen=True)
class GrowingList:
    """A list whose ``name`` begins the ids of its parts; what its rows are called, with a picture."""

    name: str
    noun: str
    plural: str
    picture: str

    def pulse(self, **kept: Any) -> Pulse:
        """The pulse of its page, which asks what is new with the filter of the moment, and with what is ``kept``."""
        asked = f"#filter, #{self.name}-list > [name=after], #{self.name}-news [name=announced]"
        return Pulse(url_for(".news", **kept), include=asked)


@dataclass(frozen=True, kw_only=True)
class NewsContext(PulseContext, templates=("resources/_news.html",)):
    """A beat of such a list: how many rows are ``new``, ``MANY_NEW`` if there are more; ``address`` shows them."""

    growing: GrowingList
    new: int
    is_told: bool
    address: str
    many: int = MANY_NEW


def news_of(growing: GrowingList, count: Callable[[Session, int], int], address: str, **kept: Any) -> str:
    """A beat, with what ``count`` finds that came after the row with an id; nothing where the page shows older rows.

    It is a hint: batches may commit in another order than that of their ids, so a row may come without being told.
    """
    after, new = asked_id("after"), 0
    if after is not None:
        with read_session() as session:
            new = count(session, after)
    is_told = new == asked_number("announced", 0)
    pulse = growing.pulse(**kept)
    return NewsContext(pulse=pulse, growing=growing, new=new, is_told=is_told, address=address).render()
