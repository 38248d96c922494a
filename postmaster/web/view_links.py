"""The links of saved views above a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from postmaster.system.views import views_of
from postmaster.web.access import current_user


@dataclass(frozen=True)
class ViewLink:
    """A view as the list links it; ``here`` if it is what the list shows."""

    id: int
    name: str
    url: str
    shared: bool
    here: bool


def view_links(session: Session, plural: str, page: str, state: Mapping[str, Any]) -> list[ViewLink]:
    """The views that whoever is signed in sees of the list at the address ``page``, which has that ``state`` now."""
    query = query_of(state)
    return [
        ViewLink(view.id, view.name, f"{page}?{view.query}", view.shared, view.query == query)
        for view in views_of(session, current_user().id, plural)
    ]


def query_of(state: Mapping[str, Any]) -> str:
    """The end of the address of a list with that ``state``, whatever page of it."""
    return urlencode(sorted((name, value) for name, value in state.items() if name != "page"))
