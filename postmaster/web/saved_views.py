"""Saved views of a list: saved where the list is, and opened by their links above it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue

from postmaster.database import transaction
from postmaster.errors import PostMasterError
from postmaster.system.views import delete_view, save_view
from postmaster.web.access import current_user, for_admins
from postmaster.web.resources import Resource
from postmaster.web.view_links import query_of

# Characters of an address that a view keeps.
MAX_QUERY = 1000


def add_views(blueprint: Blueprint, resource: Resource) -> None:
    """The views by which views are saved and deleted, of a list that has choices."""
    if not resource.listing.choices:
        return

    @blueprint.post("/views")
    @for_admins
    def save() -> ResponseReturnValue:
        """Save what the list shows."""
        query, user = query_of(resource.state()), current_user()
        name, shared = request.form.get("name", "").replace("\0", ""), request.form.get("shared") == "yes"
        try:
            if not query or len(query) > MAX_QUERY:
                raise PostMasterError("nothing-to-save", "Nothing is filtered.", "Filter the list first, then save it.")
            with transaction() as session:
                view = save_view(session, user.id, user.name, resource.plural, name, query, shared=shared)
        except PostMasterError as error:
            flash(str(error), "fail")
        else:
            flash(f"The view “{view.name}” is saved.", "ok")
        return redirect(resource.url(), 303)

    @blueprint.post("/views/<id:number>/delete")
    @for_admins
    def forget(number: int) -> ResponseReturnValue:
        """Delete a view."""
        user = current_user()
        try:
            with transaction() as session:
                name = delete_view(session, user.id, user.name, resource.plural, number)
        except PostMasterError as error:
            flash(str(error), "fail")
        else:
            flash(f"The view “{name}” is deleted.", "ok")
        return redirect(resource.url(), 303)
