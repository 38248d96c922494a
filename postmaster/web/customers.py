"""The customer directory: whose login and number mail from an address gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from wtforms import FileField
from wtforms.validators import InputRequired

from postmaster.database import read_session, transaction
from postmaster.desk.customer_file import DirectoryFile, ManyDroppedError, apply_directory, as_csv
from postmaster.desk.customers import all_customers, page_of_customers
from postmaster.desk.models import CustomerEntry
from postmaster.errors import InputError
from postmaster.operations.customers import directory_problem
from postmaster.quantity import quantity
from postmaster.web.access import current_user, for_admins
from postmaster.web.asked import asked_text
from postmaster.web.context import Context
from postmaster.web.forms import Form
from postmaster.web.lists import wanted
from postmaster.web.resource_forms import is_confirmed

blueprint = Blueprint("customers", __name__, url_prefix="/customers")


@dataclass(frozen=True, kw_only=True)
class CustomersContext(Context, templates=("customers/page.html", "customers/_list.html")):
    """A page of the directory; ``first`` and ``more`` are the addresses of the first and the next, if there are.

    ``problem`` says why the file of the directory was not read.
    """

    entries: Sequence[CustomerEntry]
    text: str
    problem: str
    first: str
    more: str


@blueprint.get("")
@for_admins
def page() -> str:
    """The list, or the part of it that a filter changes."""
    text, after = wanted().text, asked_text("after")
    with read_session() as session:
        entries, further = page_of_customers(session, text, after)
        problem = directory_problem(session)
    state: dict[str, Any] = {"q": text} if text else {}
    context = CustomersContext(
        entries=entries,
        text=text,
        problem=problem,
        first=url_for(".page", **state) if after else "",
        more=url_for(".page", **state, after=further) if further else "",
    )
    return context.render()


class ImportForm(Form):
    """A CSV file."""

    file = FileField("CSV file", validators=[InputRequired("Choose a file.")])


@dataclass(frozen=True, kw_only=True)
class ImportContext(Context, templates=("customers/import.html",)):
    """The form of a file; ``lacks``: it has less than half of what there is; ``right`` says that it would be taken."""

    form: ImportForm
    lacks: bool
    right: str


@blueprint.route("/import", methods=["GET", "POST"])
@for_admins
def import_() -> ResponseReturnValue:
    """Replace the directory by a file, or only check the file."""
    form = ImportForm()
    status, lacks, right = form.status(), False, ""
    if form.was_sent_well():
        try:
            with DirectoryFile(request.files["file"].stream) as rows:
                if "check" in request.form:
                    status, right = (
                        200,
                        f"The file is right, with {quantity(len(rows), 'entry', 'entries')}. Nothing was changed.",
                    )
                else:
                    with transaction() as session:
                        done = apply_directory(session, rows, current_user().name, confirmed=is_confirmed())
                    gone = f"{done.dropped:,} of those before are gone"
                    flash(f"The directory has {quantity(done.entries, 'entry', 'entries')}; {gone}.", "ok")
                    return redirect(url_for(".page"), 303)
        except InputError as error:
            lacks = isinstance(error, ManyDroppedError)
            form.file.errors = (error.message, "Nothing was changed.")
            form.focus_first_refused()
    return ImportContext(form=form, lacks=lacks, right=right).render(), status


@blueprint.get("/export")
@for_admins
def export() -> Response:
    """The directory as CSV."""

    def pieces() -> Iterator[str]:
        with read_session() as session:
            yield from as_csv(all_customers(session))

    headers = {"Content-Disposition": "attachment; filename=customers.csv"}
    return Response(stream_with_context(pieces()), mimetype="text/csv", headers=headers)
