"""The customer directory: whose login and number mail from an address gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request, stream_with_context, url_for

from postmaster.database import read_session
from postmaster.desk.customer_file import as_csv
from postmaster.desk.customers import all_customers, page_of_customers
from postmaster.desk.models import CustomerEntry
from postmaster.operations.customers import directory_problem
from postmaster.web.access import for_admins
from postmaster.web.context import Context
from postmaster.web.lists import wanted

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
    text, after = wanted().text, request.args.get("after", "").replace("\0", "")
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


@blueprint.get("/export")
@for_admins
def export() -> Response:
    """The directory as CSV."""

    def pieces() -> Iterator[str]:
        with read_session() as session:
            yield from as_csv(all_customers(session))

    headers = {"Content-Disposition": "attachment; filename=customers.csv"}
    return Response(stream_with_context(pieces()), mimetype="text/csv", headers=headers)
