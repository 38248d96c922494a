"""The customer directory: whose login and number mail from an address gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for

from postmaster.database import read_session
from postmaster.desk.customer_file import as_csv
from postmaster.desk.customers import all_customers, page_of_customers
from postmaster.operations.customers import directory_problem
from postmaster.web.access import for_admins
from postmaster.web.lists import wanted, wants_fragment

blueprint = Blueprint("customers", __name__, url_prefix="/customers")


@blueprint.get("")
@for_admins
def page() -> str:
    """The list, or the part of it that a filter changes."""
    text, after = wanted().text, request.args.get("after", "").replace("\0", "")
    with read_session() as session:
        entries, further = page_of_customers(session, text, after)
        problem = directory_problem(session)
    state: dict[str, Any] = {"q": text} if text else {}
    return render_template(
        "customers/_list.html" if wants_fragment() else "customers/page.html",
        entries=entries,
        text=text,
        problem=problem,
        first=url_for(".page", **state) if after else "",
        more=url_for(".page", **state, after=further) if further else "",
    )


@blueprint.get("/export")
@for_admins
def export() -> Response:
    """The directory as CSV."""

    def pieces() -> Iterator[str]:
        with read_session() as session:
            yield from as_csv(all_customers(session))

    headers = {"Content-Disposition": "attachment; filename=customers.csv"}
    return Response(stream_with_context(pieces()), mimetype="text/csv", headers=headers)
