"""The API, to read and to try: its description in a viewer that is carried along.

The viewer is a document of its own: its styles and those of the pages would spoil each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, request

from postmaster.web.access import for_admins
from postmaster.web.context import Context

blueprint = Blueprint("programs", __name__, url_prefix="/programs")

# Where the API describes itself.
DESCRIPTION = "/api/v1/openapi.json"


@dataclass(frozen=True, kw_only=True)
class ProgramsContext(Context, templates=("programs/page.html",)):
    """The page; ``description`` is the address of what the viewer shows."""

    description: str


@dataclass(frozen=True, kw_only=True)
class ViewerContext(Context, templates=("programs/viewer.html",)):
    """The viewer."""

    description: str


@blueprint.get("")
@for_admins
def page() -> str:
    """What programs can do, with the way to try it by a token: who is signed in here counts for nothing there."""
    return ProgramsContext(description=request.script_root + DESCRIPTION).render()


@blueprint.get("/viewer")
@for_admins
def viewer() -> str:
    """The viewer alone."""
    return ViewerContext(description=request.script_root + DESCRIPTION).render()
