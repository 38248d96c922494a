"""What the pages of all resources have to know of the outlets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from postmaster.outlets.health import OutletHealth
from postmaster.outlets.listing import OUTLET_LISTING
from postmaster.outlets.models import Outlet
from postmaster.outlets.service import OutletService
from postmaster.outlets.standing import OutletStanding, standings
from postmaster.web.badges import OUTLET_BADGES, Badge
from postmaster.web.context import Context
from postmaster.web.outlets.form import outlet_form
from postmaster.web.resource_pages import resource_blueprint
from postmaster.web.resources import Column, Resource


@dataclass(frozen=True, kw_only=True)
class OutletCells(Context):
    """What the cells need: how each outlet stands, and the badges."""

    standings: Mapping[int, OutletStanding]
    looks: Mapping[OutletHealth, Badge]


def _cells(session: Session, outlets: Sequence[Outlet]) -> OutletCells:
    return OutletCells(standings=standings(session, outlets), looks=OUTLET_BADGES)


OUTLET_PAGES = Resource(
    title="Outlets",
    lead="Other programs that are told what happens: each event is handed over until it is taken, and in the order of "
    "its ticket.",
    empty="An outlet posts each event to an address, signed.",
    keeps="What is on its way to it is not sent any more, and what was handed over is forgotten here.",
    service=OutletService,
    listing=OUTLET_LISTING,
    columns=(
        Column("Name", "name"),
        Column("Health", "health"),
        Column("Backlog"),
        Column("Oldest event"),
        Column("Last answer"),
        Column("Validity", "validity"),
        Column("Comment"),
    ),
    helps={
        "secret": "What signs each event, as whsec_…. An outlet without one is given a new one, which is shown once; "
        "so it is if you enter “new”.",
        "headers": "Further headers, a line “Name: value” each, as for a token that the receiver asks for. Stored "
        "encrypted, and never shown again; enter “none” to take them away.",
        "validity": "Only valid outlets are handed anything over.",
    },
    wraps={
        "name": "most",
        "kind": "third",
        "url": "",
        "secret": "",
        "headers": "",
        "raw_message": "third",
        "validity": "third",
        "comment": "",
    },
    cells=_cells,
    make_form=outlet_form,
    form_template="resources/pickers.html",
)

blueprint = resource_blueprint(OUTLET_PAGES, __name__)
