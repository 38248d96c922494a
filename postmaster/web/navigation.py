"""The navigation: data, from which the sidebar is made (docs/glossary.md#mail-accounts)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flask import Flask, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.ledger.quarantine_list import MANY, quarantined
from postmaster.web.access import Access, access_of, is_admin


@dataclass(frozen=True)
class NavigationItem:
    """A place to go. ``below`` is an action shown under it while one is there; ``covers`` are blueprints within it.

    ``count`` says how many things wait for somebody there. ``key`` are the keys that lead there, pressed one after the
    other.
    """

    label: str
    endpoint: str
    icon: str
    below: tuple[str, str] | None = None
    covers: tuple[str, ...] = ()
    count: Callable[[Session], int] | None = None
    key: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the page that is shown belongs to this item."""
        return request.blueprint in (self.endpoint.partition(".")[0], *self.covers)

    def waiting(self) -> int:
        """How many things wait there; 0 too where the database cannot be asked, for the pages that say so."""
        if self.count is None:
            return 0
        try:
            with read_session() as session:
                return self.count(session)
        except SQLAlchemyError:
            return 0


@dataclass(frozen=True)
class NavigationGroup:
    """Items under a heading; the first group has none."""

    heading: str
    items: Sequence[NavigationItem]


NAVIGATION = (
    NavigationGroup(
        "",
        (
            NavigationItem("Status", "status.page", "activity", key="g s"),
            NavigationItem("Where is my mail?", "mail.page", "search", covers=("why",), key="g m"),
            NavigationItem("Tickets", "tickets.page", "ticket", covers=("articles",), key="g t"),
            NavigationItem("Quarantine", "quarantine.page", "shield-alert", count=quarantined, key="g q"),
            NavigationItem("Run History", "runs.page", "clock", key="g r"),
        ),
    ),
    NavigationGroup(
        "Communication & Notifications",
        (
            NavigationItem(
                "PostMaster Mail Accounts", "accounts.page", "inbox", ("Add Mail Account", "accounts.where"), key="g a"
            ),
            NavigationItem("Credentials", "credentials.page", "key-round", key="g c"),
            NavigationItem("Email Addresses", "addresses.page", "at-sign", key="g e"),
            NavigationItem("Queues", "queues.page", "layers", key="g u"),
            NavigationItem("Customer Directory", "customers.page", "user"),
            NavigationItem("Postmaster Filters", "filters.page", "funnel", key="g f"),
        ),
    ),
    NavigationGroup(
        "Administration",
        (
            NavigationItem("Operation", "operation.page", "monitor", covers=("targets",)),
            NavigationItem("Outlets", "outlets.page", "corner-up-right"),
            NavigationItem("System Configuration", "settings.page", "settings", key="g o"),
            NavigationItem("Users", "users.page", "user"),
            NavigationItem("API Tokens", "tokens.page", "key-round"),
            NavigationItem("API", "programs.page", "file-text"),
            NavigationItem("Audit Log", "audit.page", "scroll-text", key="g l"),
        ),
    ),
)


def navigation() -> Iterator[NavigationGroup]:
    """The groups with the items that whoever is signed in may open."""
    for group in NAVIGATION:
        items = tuple(item for item in group.items if may_open(item.endpoint))
        if items:
            yield NavigationGroup(group.heading, items)


def may_open(endpoint: str) -> bool:
    """Whether whoever is signed in may open that page."""
    view = current_app.view_functions.get(endpoint)
    return view is not None and (access_of(view) is not Access.ADMIN or is_admin())


def init_app(app: Flask) -> None:
    """Give the templates ``navigation``, and what they write "and more" for."""
    app.jinja_env.globals.update(navigation=navigation, MANY=MANY)
