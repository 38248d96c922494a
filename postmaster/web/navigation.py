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

    ``count`` says how many things wait for somebody there.
    """

    label: str
    endpoint: str
    icon: str
    below: tuple[str, str] | None = None
    covers: tuple[str, ...] = ()
    count: Callable[[Session], int] | None = None

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
            NavigationItem("Status", "status.page", "activity"),
            NavigationItem("Where is my mail?", "mail.page", "search"),
            NavigationItem("Tickets", "tickets.page", "ticket", covers=("articles",)),
            NavigationItem("Quarantine", "quarantine.page", "shield-alert", count=quarantined),
            NavigationItem("Run History", "runs.page", "clock"),
        ),
    ),
    NavigationGroup(
        "Communication & Notifications",
        (
            NavigationItem(
                "PostMaster Mail Accounts", "accounts.page", "inbox", ("Add Mail Account", "accounts.where")
            ),
            NavigationItem("Credentials", "credentials.page", "key-round"),
            NavigationItem("Email Addresses", "addresses.page", "at-sign"),
            NavigationItem("Queues", "queues.page", "layers"),
            NavigationItem("Customer Directory", "customers.page", "user"),
            NavigationItem("Postmaster Filters", "filters.page", "funnel"),
        ),
    ),
    NavigationGroup(
        "Administration",
        (
            NavigationItem("Outlets", "outlets.page", "corner-up-right"),
            NavigationItem("System Configuration", "settings.page", "settings"),
            NavigationItem("API Tokens", "tokens.page", "key-round"),
            NavigationItem("API", "programs.page", "file-text"),
            NavigationItem("Audit Log", "audit.page", "scroll-text"),
        ),
    ),
)


def navigation() -> Iterator[NavigationGroup]:
    """The groups with the items that whoever is signed in may open."""
    for group in NAVIGATION:
        items = tuple(item for item in group.items if _may_open(item.endpoint))
        if items:
            yield NavigationGroup(group.heading, items)


def _may_open(endpoint: str) -> bool:
    view = current_app.view_functions.get(endpoint)
    return view is not None and (access_of(view) is not Access.ADMIN or is_admin())


def init_app(app: Flask) -> None:
    """Give the templates ``navigation``, and what they write "and more" for."""
    app.jinja_env.globals.update(navigation=navigation, MANY=MANY)
