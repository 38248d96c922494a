"""The page of an outlet: how it stands, what was handed over, and what an admin does about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.database import read_session, transaction
from postmaster.desk.models import Ticket
from postmaster.errors import NotFoundError, PostMasterError
from postmaster.limits import limited
from postmaster.outlets import actions
from postmaster.outlets.body import body_of
from postmaster.outlets.health import OutletHealth, can_send
from postmaster.outlets.kinds import OUTLET_KINDS
from postmaster.outlets.models import Delivery, DeliveryState, Outlet
from postmaster.outlets.standing import OutletStanding, standing_of
from postmaster.quantity import quantity
from postmaster.resources.keyset import keyset_page
from postmaster.resources.readers import InvalidValue, moment
from postmaster.web.access import current_user, for_admins
from postmaster.web.asked import asked_before
from postmaster.web.badges import DELIVERY_BADGES, OUTLET_BADGES, Badge
from postmaster.web.context import Context
from postmaster.web.lists import CursorLinks
from postmaster.web.outlets.resource import OUTLET_PAGES, blueprint
from postmaster.web.resources import Resource, existing

# Characters of a body that a page shows: with a raw message it may be as long as mail can be.
SHOWN_BODY = 20_000

# How often an admin may have something sent to a receiver at once.
TESTS = "20 per minute"


@dataclass(frozen=True, kw_only=True)
class OutletContext(Context, templates=("outlets/show.html",)):
    """All that the page shows; ``state`` is the filter of its deliveries, ``states`` what it may ask for."""

    resource: Resource
    outlet: Outlet
    standing: OutletStanding
    kind: str
    looks: Mapping[OutletHealth, Badge]
    badges: Mapping[DeliveryState, Badge]
    deliveries: Sequence[Delivery]
    numbers: Mapping[int, str]
    links: CursorLinks
    state: str


@dataclass(frozen=True, kw_only=True)
class DeliveryContext(Context, templates=("outlets/delivery.html",)):
    """One delivery: what is sent, and what was answered last. ``body`` is None if the event is not kept any more;
    ``sends`` is whether the outlet hands anything over at present.
    """

    resource: Resource
    outlet: Outlet
    delivery: Delivery
    badges: Mapping[DeliveryState, Badge]
    sends: bool
    body: str | None
    more: int
    headers: Sequence[str]


@blueprint.get("/<id:number>/status")
@for_admins
def show(number: int) -> str:
    """The page."""
    chosen = request.args.get("state", "")
    with read_session() as session:
        outlet = _outlet(session, number)
        query = actions.deliveries_of(outlet, DeliveryState(chosen) if chosen in list(DeliveryState) else None)
        found = keyset_page(session, query, Delivery.id, asked_before())
        standing = standing_of(session, outlet)
        numbers = _ticket_numbers(session, found.rows)
    kept: dict[str, Any] = {"number": number, "state": chosen or None}
    return OutletContext(
        resource=OUTLET_PAGES,
        outlet=outlet,
        standing=standing,
        kind=OUTLET_KINDS[outlet.kind].label,
        looks=OUTLET_BADGES,
        badges=DELIVERY_BADGES,
        deliveries=found.rows,
        numbers=numbers,
        links=CursorLinks(
            older=url_for(".show", before=found.next, **kept) if found.next else "",
            newest=url_for(".show", **kept) if request.args.get("before") else "",
        ),
        state=chosen,
    ).render()


@blueprint.get("/<id:number>/deliveries/<id:delivery>")
@for_admins
def delivery(number: int, delivery: int) -> str:
    """One delivery, with request and answer."""
    with read_session() as session:
        outlet = _outlet(session, number)
        found = actions.find_delivery(session, outlet, delivery)
        body = body_of(session, outlet, found.event_id)
        names = actions.header_names(outlet)
    return DeliveryContext(
        resource=OUTLET_PAGES,
        outlet=outlet,
        delivery=found,
        badges=DELIVERY_BADGES,
        sends=can_send(outlet),
        body=None if body is None else body[:SHOWN_BODY],
        more=max(0, len(body or "") - SHOWN_BODY),
        headers=names,
    ).render()


@blueprint.post("/<id:number>/test")
@limited(TESTS)
@for_admins
def test(number: int) -> ResponseReturnValue:
    """Send a signed event that says that it is a test, and show what was answered."""
    try:
        with read_session() as session:
            outlet = _outlet(session, number)
        answer = actions.send_test(outlet, current_user().name)
        flash(actions.words_of(answer), "ok" if answer.taken else "fail")
    except NotFoundError:
        raise
    except PostMasterError as error:
        flash(str(error), "fail")
    return _back(number)


@blueprint.post("/<id:number>/pause")
@for_admins
def pause(number: int) -> ResponseReturnValue:
    """Hand nothing more over."""
    reason = request.form.get("reason", "")

    def act(session: Session, outlet: Outlet) -> str:
        done = actions.pause(session, outlet, reason, current_user().name)
        return "The outlet is paused; its events wait." if done else "The outlet was paused already."

    return _do(number, act)


@blueprint.post("/<id:number>/resume")
@for_admins
def resume(number: int) -> ResponseReturnValue:
    """Hand over again."""

    def act(session: Session, outlet: Outlet) -> str:
        done = actions.resume(session, outlet, current_user().name)
        return "Its events are handed over again." if done else "It was not paused; what waits is tried now."

    return _do(number, act)


@blueprint.post("/<id:number>/replay")
@for_admins
def replay(number: int) -> ResponseReturnValue:
    """Hand over once more what happened since a moment."""
    try:
        since = moment(config.current().time_zone)(request.form.get("since", "").strip())
    except InvalidValue:
        flash("Nothing was changed. Say since when: enter a day and a time.", "fail")
        return _back(number)

    def act(session: Session, outlet: Outlet) -> str:
        count = actions.replay(session, outlet, since, current_user().name)
        return f"{quantity(count, 'event is', 'events are')} handed over once more."

    return _do(number, act)


@blueprint.post("/<id:number>/retry")
@for_admins
def retry(number: int) -> ResponseReturnValue:
    """Try at once what waits."""
    return _do(number, lambda session, outlet: _retried(session, outlet, None))


@blueprint.post("/<id:number>/deliveries/<id:delivery>/retry")
@for_admins
def retry_one(number: int, delivery: int) -> ResponseReturnValue:
    """Send one delivery again, also if it was taken."""

    def act(session: Session, outlet: Outlet) -> str:
        return _retried(session, outlet, delivery)

    return _do(number, act)


def _retried(session: Session, outlet: Outlet, delivery_id: int | None) -> str:
    count = actions.retry(session, outlet, delivery_id, current_user().name)
    return f"{quantity(count, 'delivery is', 'deliveries are')} tried now."


def _do(number: int, act: Callable[[Session, Outlet], str]) -> ResponseReturnValue:
    """Do it, say what was done, and go back to the page."""
    try:
        with transaction() as session:
            done = act(session, _outlet(session, number))
    except NotFoundError:
        raise
    except PostMasterError as error:
        flash(str(error), "fail")
    else:
        flash(done, "ok")
    return _back(number)


def _back(number: int) -> ResponseReturnValue:
    return redirect(url_for("outlets.show", number=number), 303)


def _ticket_numbers(session: Session, deliveries: Sequence[Delivery]) -> Mapping[int, str]:
    """The numbers of the tickets that there are still, by their ids."""
    ids = {each.ticket_id for each in deliveries if each.ticket_id is not None}
    rows = session.execute(select(Ticket.id, Ticket.number).where(Ticket.id.in_(ids)))
    return dict(rows.all())


def _outlet(session: Session, number: int) -> Outlet:
    outlet: Outlet = existing(OUTLET_PAGES.serve(session), number)
    return outlet
