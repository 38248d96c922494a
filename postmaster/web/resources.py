"""The pages that all resources share: list, add, edit and delete, made from a service and its fields.

The commands are made in the same way (``cli/resources.py``), so a rule holds on a page as it does on the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row
from sqlalchemy.orm import Session

from postmaster.database import read_session, transaction
from postmaster.errors import NotFoundError, PostMasterError
from postmaster.resources.fields import InvalidFieldsError
from postmaster.resources.listing import Listing, Page
from postmaster.resources.service import ConflictError, Service
from postmaster.resources.uses import StillNamedError
from postmaster.web.access import current_user, for_admins
from postmaster.web.context import Context
from postmaster.web.field_forms import FieldForm, resource_form
from postmaster.web.lists import counted, list_state, next_url, wanted, wants_fragment, with_parameter

AnyService = Service[Any]
MakeForm = Callable[[AnyService, Mapping[str, str], Any], FieldForm]

# Somebody else was faster.
CONFLICT = 409


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

    Its cells are in ``templates/<plural>/_cells.html``, and what is to be said below a row in ``_below.html``, if there
    is. ``called`` is what people call it, if not ``noun``; ``keeps`` what deleting does not touch. ``wraps`` are the
    widths of fields that are not half a line, ``helps`` what is said of a field where the help of its option does not
    fit a page. ``cells`` is what the cells of some records need beside their rows. ``frame`` is what the page around
    the list needs; the part that a filter changes does without. ``beside`` is what its form's page shows beside the
    form of one, or of a new one (None). ``add_view`` is where adding one begins.
    """

    title: str
    lead: str
    empty: str
    service: type[AnyService]
    listing: Listing
    columns: tuple[Column, ...]
    called: str = ""
    keeps: str = ""
    deletable: bool = True
    helps: Mapping[str, str] = field(default_factory=dict)
    wraps: Mapping[str, str] = field(default_factory=dict)
    cells: Callable[[Session, Sequence[Any]], Context] = no_context
    frame: Callable[[Session], Context] = no_context
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
    def name(self) -> str:
        """What people call it."""
        return self.called or self.noun

    def serve(self, session: Session) -> AnyService:
        """The service, for whoever is signed in."""
        return self.service(session, current_user().name)

    def url(self, view: str = "page", **values: Any) -> str:
        """The address of one of its pages, which keeps the state of the list."""
        return url_for(f"{self.plural}.{view}", **{**list_state(), **values})

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
    """A list: ``page`` is what the listing found, ``lines`` are its rows, ``text`` and ``sort`` what was asked."""

    resource: Resource
    page: Page
    lines: Sequence[FieldRow]
    text: str
    sort: str


@dataclass(frozen=True, kw_only=True)
class ResourceFormContext(Context, templates=("resources/form.html",)):
    """A form, for the one called ``label`` or for a new one; ``back`` is where Cancel leads."""

    resource: Resource
    form: FieldForm
    back: str
    label: str


@dataclass(frozen=True, kw_only=True)
class DeleteContext(Context, templates=("resources/delete.html", "resources/_asks.html")):
    """The question whether to delete one; or, in ``refusal``, what still uses it."""

    resource: Resource
    line: FieldRow
    refusal: str


def resource_blueprint(resource: Resource, name: str) -> Blueprint:
    """The blueprint of the resource's pages."""
    blueprint = Blueprint(resource.plural, name, url_prefix=f"/{resource.plural}")
    for add_view in (_page, _add, _edit, *((_confirm, _delete) if resource.deletable else ())):
        add_view(blueprint, resource)
    return blueprint


def form_route(blueprint: Blueprint, path: str, **options: Any) -> Callable[[Any], Any]:
    """A route below the form of a new resource, and the same below that of each one."""

    def decorate(view: Any) -> Any:
        for prefix in ("/add", "/<id:number>"):
            blueprint.route(f"{prefix}/{path}", **options)(view)
        return view

    return decorate


def _page(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.get("")
    @for_admins
    def page() -> str:
        """The list, or the part of it that a filter changes."""
        with read_session() as session:
            service = resource.serve(session)
            found = resource.listing.page(session, wanted())
            lines = [line_of(service, row) for row in found.rows]
            cells = resource.cells(session, [line.record for line in lines])
            frame = Context() if wants_fragment() else resource.frame(session)
        context = ResourceListContext(
            resource=resource,
            page=found,
            lines=lines,
            text=wanted().text,
            sort=resource.listing.sorted_by(wanted().sort),
        )
        return context.render("" if wants_fragment() else resource.page_template, cells, frame)


def line_of(service: AnyService, row: Row[Any]) -> FieldRow:
    """What a line of the list shows of ``row``."""
    return FieldRow(row, service.label(row[0]), str(service.health(row[0])))


def _add(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.route("/add", methods=["GET", "POST"])
    @for_admins
    def add() -> ResponseReturnValue:
        """Add one."""
        with read_session() as session:
            form = resource.make_form(resource.serve(session), resource.helps, None)
            beside = resource.beside(session, None)
        if form.was_sent_well():
            try:
                with transaction() as session:
                    service = resource.serve(session)
                    record = form.add(service)
            except InvalidFieldsError as error:
                form.refuse(error.errors)
            else:
                return _after(resource, service, record, f"The {resource.name} “{service.label(record)}” is added.")
        return render_form(resource, form, "", beside), form.status()


def _edit(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.route("/<id:number>", methods=["GET", "POST"])
    @for_admins
    def edit(number: int) -> ResponseReturnValue:
        """Edit one."""
        with read_session() as session:
            service = resource.serve(session)
            record = existing(service, number)
            form, label = resource.make_form(service, resource.helps, record), service.label(record)
            beside = resource.beside(session, record)
        status = form.status()
        if form.was_sent_well():
            try:
                with transaction() as session:
                    service = resource.serve(session)
                    record = existing(service, number)
                    service.confirmed = is_confirmed()
                    changes = service.change(record, form.texts(), form.revision)
            except StillNamedError as error:
                form.uses = error.uses
                form.refuse(error.beside_list)
            except InvalidFieldsError as error:
                form.refuse(error.errors)
            except ConflictError:
                tell(resource, form, number)
                status = CONFLICT
            else:
                done = "is saved" if changes else "is unchanged"
                return _after(resource, service, record, f"The {resource.name} “{service.label(record)}” {done}.")
        return render_form(resource, form, label, beside), status


def render_form(resource: Resource, form: FieldForm, label: str, beside: Context) -> str:
    """The page with ``form``, for the one called ``label`` or for a new one."""
    back = next_url() or resource.url()
    context = ResourceFormContext(resource=resource, form=form, back=back, label=label)
    return context.render(resource.form_template, beside)


def is_confirmed() -> bool:
    """Whether the box is ticked that asks about what still names a thing."""
    return request.form.get("confirmed") == "yes"


def tell(resource: Resource, form: FieldForm, number: int) -> None:
    """Add to ``form`` what somebody else changed meanwhile."""
    with read_session() as session:
        service = resource.serve(session)
        record = existing(service, number)
        form.tell(record.revision, service.values(record), service.last_change(record))


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


def _after(resource: Resource, service: AnyService, record: Any, sentence: str) -> ResponseReturnValue:
    """Say that it is saved, and go on: to where the form was asked from, back to the list, or to the form."""
    flash(sentence, "ok")
    for words in service.warnings():
        flash(words, "warn")
    if back := next_url():
        return redirect(with_parameter(back, resource.noun, service.label(record)), 303)
    if request.form.get("then") == "stay":
        return redirect(resource.url("edit", number=record.id), 303)
    return redirect(resource.url(), 303)


def _confirm(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.get("/<id:number>/delete")
    @for_admins
    def confirm_delete(number: int) -> str:
        """Ask whether to delete one, or say what still uses it: in its row, or on a page of its own."""
        with read_session() as session:
            service = resource.serve(session)
            row = resource.listing.row(session, number)
            if row is None:
                raise missing(service)
            line, refusal = line_of(service, row), _refusal(service, row[0])
            cells = resource.cells(session, [line.record])
        return DeleteContext(resource=resource, line=line, refusal=refusal).render("", cells)


def _refusal(service: AnyService, record: Any) -> str:
    try:
        service.check_deletable(record)
    except PostMasterError as error:
        return str(error)
    return ""


def _delete(blueprint: Blueprint, resource: Resource) -> None:
    @blueprint.post("/<id:number>/delete")
    @for_admins
    def delete(number: int) -> ResponseReturnValue:
        """Delete one, and show the list again."""
        try:
            with transaction() as session:
                service = resource.serve(session)
                record = existing(service, number)
                service.delete(record)
        except PostMasterError as error:
            flash(str(error), "fail")
        else:
            flash(f"The {resource.name} “{service.label(record)}” is deleted.", "ok")
        return redirect(resource.url(), 303)
