"""What the search and the command palette find, of what whoever asks may open: a table of kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from postmaster.accounts.listing import ACCOUNTS
from postmaster.accounts.queue_list import QUEUE_LISTING
from postmaster.desk.addresses import ADDRESSES
from postmaster.desk.customers import page_of_customers
from postmaster.desk.ticket_list import TicketFilter, find_tickets, tickets_numbered
from postmaster.ledger.search import MailFilter, find_mail
from postmaster.pipeline.filters.service import FILTER_LISTING
from postmaster.resources.listing import Listing
from postmaster.system.setting_table import SETTINGS
from postmaster.web.navigation import may_open, navigation


@dataclass(frozen=True)
class Hit:
    """Something that was found: what it is called, what else is known of it, and its page."""

    label: str
    url: str
    under: str = ""


@dataclass(frozen=True)
class Finder:
    """How one kind is found. Only those find who may open ``endpoint``, the page of its list.

    ``has_list``: that page has all that was found.
    """

    heading: str
    endpoint: str
    icon: str
    find: Callable[[Session, str, int], Iterable[Hit]]
    has_list: bool = True

    def list_url(self, text: str) -> str:
        """Its list, with all that ``text`` finds; empty if there is none."""
        return url_for(self.endpoint, q=text) if self.has_list else ""


@dataclass(frozen=True)
class Found:
    """What one finder has found; ``more`` is the address of all of it if there is more than is shown."""

    finder: Finder
    hits: Sequence[Hit]
    more: str = ""


def find(session: Session, finders: Iterable[Finder], text: str, limit: int) -> list[Found]:
    """What each of ``finders`` has for ``text``, ``limit`` of it at most; those that find nothing are left out."""
    wanted = text.strip()
    if not wanted:
        return []
    allowed = (finder for finder in finders if may_open(finder.endpoint))
    found = ((finder, list(finder.find(session, wanted, limit + 1))) for finder in allowed)
    return [
        Found(finder, hits[:limit], finder.list_url(wanted) if len(hits) > limit else "")
        for finder, hits in found
        if hits
    ]


def _pages(_session: Session, text: str, limit: int) -> Sequence[Hit]:
    """The pages of the navigation, and what is added there."""
    items = [item for group in navigation() for item in group.items]
    named = [(item.label, item.endpoint) for item in items] + [item.below for item in items if item.below]
    return [Hit(label, url_for(endpoint)) for label, endpoint in named if _has_all(label, text)][:limit]


def _has_all(name: str, text: str) -> bool:
    return all(word in name.casefold() for word in text.casefold().split())


def _settings(_session: Session, text: str, limit: int) -> Sequence[Hit]:
    names = [name for name in SETTINGS if _has_all(name, text)]
    return [Hit(name, url_for("settings.edit", name=name), "Setting") for name in names[:limit]]


def _tickets(session: Session, text: str, limit: int) -> Iterator[Hit]:
    for ticket in find_tickets(session, TicketFilter(text), limit).rows:
        yield Hit(ticket.title, url_for("tickets.show", ticket=ticket.number), f"{ticket.number}, {ticket.state}")


def _numbered(session: Session, text: str, limit: int) -> Iterator[Hit]:
    for ticket in tickets_numbered(session, text, limit):
        yield Hit(f"{ticket.number} {ticket.title}", url_for("tickets.show", ticket=ticket.number), ticket.state)


def _mail(session: Session, text: str, limit: int) -> Iterator[Hit]:
    for trace in find_mail(session, MailFilter(text)).rows[:limit]:
        mail = trace.mail
        under = f"{mail.sender or 'Unknown sender'}, {mail.label}"
        yield Hit(mail.subject or "(no subject)", url_for("mail.show", number=mail.id), under)


def _listed(listing: Listing, view: str, label: str, under: str) -> Callable[[Session, str, int], Iterator[Hit]]:
    """A finder in a list of resources, which are called by their attribute ``label``."""

    def find_listed(session: Session, text: str, limit: int) -> Iterator[Hit]:
        for row in listing.first(session, text, limit):
            record: Any = row[0]
            yield Hit(str(getattr(record, label)), url_for(view, number=record.id), str(getattr(record, under) or ""))

    return find_listed


def _customers(session: Session, text: str, limit: int) -> Iterator[Hit]:
    for entry in page_of_customers(session, text, "")[0][:limit]:
        yield Hit(entry.address, url_for("customers.page", q=entry.address), entry.login)


TICKETS = Finder("Tickets", "tickets.page", "ticket", _tickets)
NUMBERED = Finder("Tickets", "tickets.page", "ticket", _numbered)
MAIL = Finder("Mail", "mail.page", "mail", _mail)
PAGES = Finder("Pages", "status.page", "file-text", _pages, has_list=False)
SETTINGS_FOUND = Finder("System Configuration", "settings.page", "settings", _settings)
ACCOUNTS_FOUND = Finder(
    "Mail Accounts", "accounts.page", "inbox", _listed(ACCOUNTS, "accounts.edit", "label", "comment")
)
QUEUES = Finder("Queues", "queues.page", "layers", _listed(QUEUE_LISTING, "queues.edit", "name", "comment"))
ADDRESSES_FOUND = Finder(
    "Email Addresses", "addresses.page", "at-sign", _listed(ADDRESSES, "addresses.edit", "address", "name")
)
FILTERS = Finder(
    "Postmaster Filters", "filters.page", "funnel", _listed(FILTER_LISTING, "filters.edit", "name", "comment")
)
CUSTOMERS = Finder("Customer Directory", "customers.page", "user", _customers)

# What the search finds, and what the palette does, which is asked at each letter: nothing there goes through mail.
SEARCHED = (TICKETS, MAIL, ACCOUNTS_FOUND, QUEUES, ADDRESSES_FOUND, FILTERS, CUSTOMERS, SETTINGS_FOUND, PAGES)
COMMANDS = (PAGES, NUMBERED, ACCOUNTS_FOUND, QUEUES, FILTERS, SETTINGS_FOUND)
