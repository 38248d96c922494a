"""The outlets as a list shows them."""

from __future__ import annotations

from sqlalchemy import String, func, select, type_coerce

from postmaster.outlets.models import Outlet, OutletState
from postmaster.resources.listing import Listing

OUTLET_LISTING = Listing(
    key=Outlet.id,
    query=select(Outlet).join(OutletState, OutletState.outlet_id == Outlet.id),
    searched=(
        Outlet.name,
        Outlet.url,
        Outlet.comment,
        type_coerce(Outlet.kind, String),
        type_coerce(Outlet.validity, String),
    ),
    sorts={
        "name": (func.lower(Outlet.name),),
        "health": (OutletState.paused_at.is_(None), -OutletState.failures),
        "validity": (type_coerce(Outlet.validity, String),),
    },
)
