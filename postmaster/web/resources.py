"""What the pages of all resources share, and their list. Forms: ``resource_forms``; all together: ``resource_pages``.

The commands are made in the same way (``cli/resources.py``), so a rule holds on a page as it does on the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, url_for
from sqlalchemy import Row
from sqlalchemy.orm import Session

from postmaster.database import read_session
from postmaster.errors import NotFoundError
from postmaster.resources.bulk import AnyService, TakeBack, put_back
from postmaster.resources.listing import ListFilter, Listing, Page
from postmaster.web.access import current_user, for_admins
from postmaster.web.bulk_actions import BulkAction
from postmaster.web.context import Context
from postmaster.web.field_forms import FieldForm, resource_form
from postmaster.web.lists import counted, list_state, wanted, wants_fragment
from postmaster.web.view_links import ViewLink, view_links

MakeForm = Callable[[AnyService, Mapping[str, str], Any], FieldForm]


def no_context(_session: Session, _of: Any = None) -> Context:
    """Nothing more."""
    return Context()


@dataclass(frozen=True)
class Column:
    """A column of a list, with the order of the listing that its heading sorts by."""

    label: str
    sort: str = ""


@dataclass(frozen=True)
class Resource:
    """What the pages have to know of a kind of resource.

    Its cells are in ``templates/<plural>/_cells.html``; ``row_parts`` are what its rows have besides: more ``actions``
    in ``_actions.html``, and what is to be said ``below`` one in ``_below.html``. ``within`` is the blueprint whose
    page shows the list, if it has no page of its own. ``called`` is what people call it, if not ``noun``; ``keeps``
    what deleting does not touch. ``wraps`` are the widths of fields that are not half a line, ``helps`` what is said of
    a field where the help of its option does not fit a page. ``cells`` is what the cells of some records need beside
    their rows. ``frame`` is what the page around the list of some records needs; the part that a filter changes does
    without. ``beside`` is what its form's page shows beside the form of one, or of a new one (None). ``add_view`` is
    where adding one begins.

    A new one may begin as a copy if it ``copies``; it ``transfers`` if all can be exported and imported in the page.
    ``bulk`` is what is done with those that are selected, ``ways_back`` how that is undone, by action.
    """

    title: str
    lead: str
    empty: str
    service: type[AnyService]
    listing: Listing
    columns: tuple[Column, ...]
    row_parts: tuple[str, ...] = ()
    within: str = ""
    called: str = ""
    keeps: str = ""
    deletable: bool = True
    copies: bool = False
    transfers: bool = False
    bulk: tuple[BulkAction, ...] = ()
    ways_back: Mapping[str, TakeBack] = field(default_factory=lambda: {"set": put_back})
    helps: Mapping[str, str] = field(default_factory=dict)
    wraps: Mapping[str, str] = field(default_factory=dict)
    cells: Callable[[Session, Sequence[Any]], Context] = no_context
    frame: Callable[[Session, Sequence[Any]], Context] = no_context
    beside: Callable[[Session, Any], Context] = no_context
    make_form: MakeForm = resource_form
    add_view: str = "add"
    page_template: str = "resources/page.html"
    form_template: str = "resources/form.html"

    @property
    def noun(self) -> str:
        """What the service calls one."""
        return self.service.noun

    @property
    def plural(self) -> str:
        """What the service calls several, and the address of the pages."""
        return self.service.plural

    @property
    def home(self) -> str:
        """The endpoint of the page that shows the list."""
        return f"{self.within or self.plural}.page"

    @property
    def name(self) -> str:
        """What people call it."""
        return self.called or self.noun

    def serve(self, session: Session) -> AnyService:
        """The service, for whoever is signed in."""
        return self.service(session, current_user().name)

    def url(self, view: str = "page", **values: Any) -> str:
        """The address of one of its pages, which keeps the state of the list."""
        endpoint = self.home if view == "page" else f"{self.plural}.{view}"
        return url_for(endpoint, **{**self.state(), **values})

    def bare_url(self) -> str:
        """The address of the list as it is first seen."""
        return url_for(self.home)

    def state(self) -> Mapping[str, Any]:
        """The state of the list that the request is about."""
        return list_state(self.listing.choices)

    def wanted(self) -> ListFilter:
        """What the request asks of the list."""
        return wanted(self.listing.choices)

    @property
    def width(self) -> int:
        """How many columns the list has, with those of what is selected and of what can be done."""
        return len(self.columns) + (2 if self.bulk else 1)

    def page_url(self, number: int) -> str:
        """The address of that page of the list."""
        return self.url(page=number)

    def counted(self, page: Page) -> str:
        """How many there are, and how many of them the filter lets through."""
        return counted(page.found, page.total, self.noun, self.plural)


@dataclass(frozen=True)
class FieldRow:
    """A line of the list: what the listing found, what it is called by, and how it stands."""

    row: Row[Any]
    label: str
    health: str

    @property
    def record(self) -> Any:
        """The resource."""
        return self.row[0]


@dataclass(frozen=True, kw_only=True)
class ResourceListContext(Context, templates=("resources/page.html", "resources/_list.html")):
    """A list: ``page`` is what the listing found, ``lines`` are its rows, ``text`` and ``sort`` what was asked.

    ``views`` are those that are saved of it.
    """

    resource: Resource
    page: Page
    lines: Sequence[FieldRow]
    text: str
    sort: str
    views: Sequence[ViewLink]


@dataclass(frozen=True)
class ShownChoice:
    """A filter beside the text: what it may ask for, with what is shown for each, and what is ``chosen``."""

    name: str
    label: str
    words: Mapping[str, str]
    chosen: str


@dataclass(frozen=True, kw_only=True)
class ResourcePageContext(Context):
    """What the page of a list has around it: the choices."""

    choices: Sequence[ShownChoice]


def add_page(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.get("")
    @for_admins
    def page() -> str:
        """The list, or the part of it that a filter changes."""
        with read_session() as session:
            context, cells = listed(resource, session)
            frame = Context() if wants_fragment() else resource.frame(session, [line.record for line in context.lines])
            around = Context() if wants_fragment() else _around(session, resource)
        return context.render("" if wants_fragment() else resource.page_template, cells, frame, around)


def _around(session: Session, resource: Resource) -> ResourcePageContext:
    chosen = resource.wanted().chosen
    choices = [
        ShownChoice(name, choice.label, choice.words(session), chosen.get(name, ""))
        for name, choice in resource.listing.choices.items()
    ]
    return ResourcePageContext(choices=choices)


def _views(session: Session, resource: Resource) -> Sequence[ViewLink]:
    if not resource.listing.choices:
        return ()
    return view_links(session, resource.plural, resource.bare_url(), resource.state())


def listed(resource: Resource, session: Session) -> tuple[ResourceListContext, Context]:
    """The part of the list that the request asks for, and what its cells need."""
    service = resource.serve(session)
    found = resource.listing.page(session, resource.wanted())
    lines = [line_of(service, row) for row in found.rows]
    context = ResourceListContext(
        resource=resource,
        page=found,
        lines=lines,
        text=resource.wanted().text,
        sort=resource.listing.sorted_by(resource.wanted().sort),
        views=_views(session, resource),
    )
    return context, resource.cells(session, [line.record for line in lines])


def line_of(service: AnyService, row: Row[Any]) -> FieldRow:
    """What a line of the list shows of ``row``."""
    return FieldRow(row, service.label(row[0]), str(service.health(row[0])))


def existing(service: AnyService, number: int) -> Any:
    """The resource with that id. Raises NotFoundError."""
    record = service.numbered(str(number))
    if record is None:
        raise missing(service)
    return record


def missing(service: AnyService) -> NotFoundError:
    """The error that what a page was asked for is not there."""
    advice = f"Somebody may have deleted it. Look for it in the list of {service.plural}."
    return NotFoundError(f"unknown-{service.noun}", f"This {service.noun} no longer exists", advice)
