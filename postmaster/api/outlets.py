"""The operations of outlets beside adding and changing them: test, pause, replay, and what was handed over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from http import HTTPStatus
from typing import Any

from sqlalchemy.orm import Session

from postmaster.api.lists import PAGING, page, read_cursor
from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.resources import ApiResource, visible
from postmaster.api.schemas import COUNT, FLAG, ID, MOMENT, TEXT, list_of, obj, or_null
from postmaster.database import read_session, transaction
from postmaster.extensions import Json
from postmaster.outlets import actions
from postmaster.outlets.body import body_of
from postmaster.outlets.listing import OUTLET_LISTING
from postmaster.outlets.models import Delivery, DeliveryState, Outlet
from postmaster.outlets.service import OutletService
from postmaster.resources.fields import Field
from postmaster.resources.keyset import keyset_page
from postmaster.resources.numbers import MAX_ID
from postmaster.resources.readers import member, moment
from postmaster.system.models import Scope

_STANDING: Json = {
    "backlog": 0,
    "oldest_event": None,
    "failures": 0,
    "failing_since": None,
    "next_try": None,
    "paused_at": None,
    "paused_by": None,
    "paused_reason": None,
    "last_attempt": "2026-11-23T09:12:00+00:00",
    "last_status": 200,
    "last_answer": "",
    "last_success": "2026-11-23T09:12:00+00:00",
}
_STATUS = {"type": ["integer", "null"], "description": "The status of HTTP; null if no answer came."}

OUTLETS = ApiResource(
    OutletService,
    OUTLET_LISTING,
    example={"name": "Shop", "kind": "webhook", "url": "https://shop.example.com/hooks/postmaster"},
    shown={
        "label": "Shop",
        "events": [],
        "queues": [],
        "raw_message": False,
        "validity": "valid",
        "comment": "",
        **_STANDING,
    },
    details={
        **{name: or_null(MOMENT) for name in _STANDING},
        **dict.fromkeys(("backlog", "failures"), COUNT),
        **{name: or_null(TEXT) for name in ("paused_by", "paused_reason")},
        "last_status": _STATUS,
        "last_answer": TEXT,
    },
    errors=("name-taken", "unknown-queue"),
)

STATE = Field("state", "State", read=member(DeliveryState), metavar="|".join(DeliveryState), help="Only those in it.")
SINCE = Field(
    "since", "Since", mandatory=True, read=moment(UTC), metavar="MOMENT", help="Events from then on (ISO 8601, UTC)."
)

_EXAMPLE: Json = {
    "id": 12,
    "event": "ticket.created",
    "event_id": "0f4c3f0e6b0d4b5f9a3c1d2e3f405162",
    "sequence": 4711,
    "happened": "2026-11-23T09:12:00+00:00",
    "ticket": 1,
    "state": "delivered",
    "attempts": 1,
    "next_try": None,
    "tried": "2026-11-23T09:12:01+00:00",
    "status": 200,
    "answer": '{"number": "4711"}',
    "seconds": 0.12,
    "delivered": "2026-11-23T09:12:01+00:00",
    "number": "4711",
    "url": None,
}
_THERE: Json = {
    "number": or_null({**TEXT, "description": "What the receiver calls it."}),
    "url": or_null({**TEXT, "description": "Where the receiver has it."}),
}
_DELIVERY: Json = {
    "id": ID,
    "event": TEXT,
    "event_id": {**TEXT, "description": "The same however often it is sent."},
    "sequence": COUNT,
    "happened": MOMENT,
    "ticket": or_null({**ID, "description": "The id of the ticket that it is about."}),
    "state": {"type": "string", "enum": list(DeliveryState)},
    "attempts": COUNT,
    "next_try": or_null(MOMENT),
    "tried": or_null(MOMENT),
    "status": _STATUS,
    "answer": TEXT,
    "seconds": {"type": ["number", "null"]},
    "delivered": or_null(MOMENT),
    **_THERE,
}
_BODY = or_null({**TEXT, "description": "What is sent; null if the event is not kept any more."})


def _outlet(session: Session, call: Call) -> Outlet:
    outlet: Outlet = visible(OUTLETS, session, call)
    return outlet


def _test(call: Call) -> Answer:
    with read_session() as session:
        outlet = _outlet(session, call)
    return Answer(actions.send_test(outlet, call.actor).as_dict())


def _pause(call: Call) -> Answer:
    reason = call.values((actions.REASON,))[actions.REASON.name]
    return _do(call, lambda session, outlet: actions.pause(session, outlet, reason, call.actor))


def _resume(call: Call) -> Answer:
    return _do(call, lambda session, outlet: actions.resume(session, outlet, call.actor))


def _do(call: Call, act: Callable[[Session, Outlet], object]) -> Answer:
    with transaction() as session:
        act(session, _outlet(session, call))
    return Answer()


def _replay(call: Call) -> Answer:
    since = call.values((SINCE,))[SINCE.name]
    with transaction() as session:
        return Answer({"events": actions.replay(session, _outlet(session, call), since, call.actor)})


def _retry(call: Call) -> Answer:
    with transaction() as session:
        count = actions.retry(session, _outlet(session, call), call.path.get("delivery"), call.actor)
    return Answer({"deliveries": count})


def _deliveries(call: Call) -> Answer:
    asked: Any = call.query
    [before] = read_cursor(call) or [MAX_ID]
    with read_session() as session:
        query = actions.deliveries_of(_outlet(session, call), asked["state"])
        found = keyset_page(session, query, Delivery.id, before, asked["limit"])
        return page(call, map(actions.describe, found.rows), None if found.next is None else [found.next])


def _delivery(call: Call) -> Answer:
    with read_session() as session:
        outlet = _outlet(session, call)
        found = actions.find_delivery(session, outlet, call.path["delivery"])
        return Answer(actions.describe(found) | {"body": body_of(session, outlet, found.event_id)})


_UNKNOWN = ("unknown-outlet",)
_RETRIED = Reply({"deliveries": 1}, obj({"deliveries": COUNT}), description="So many are tried now.")

OPERATIONS = (
    Operation(
        name="testOutlet",
        method="POST",
        path="/outlets/{id}/test",
        scope=Scope.ADMIN,
        tag="outlets",
        summary="Send an event that says that it is a test",
        description="Answers once the receiver has answered, or did not within its time.",
        run=_test,
        reply=Reply(
            {"taken": True, "status": 200, "answer": "", "seconds": 0.12, "number": None, "url": None},
            obj({"taken": FLAG, "status": _STATUS, "answer": TEXT, "seconds": {"type": "number"}, **_THERE}),
        ),
        errors=(*_UNKNOWN, "outlet-secret-missing", "outlet-sealed"),
    ),
    Operation(
        name="pauseOutlet",
        method="PUT",
        path="/outlets/{id}/pause",
        scope=Scope.ADMIN,
        tag="outlets",
        summary="Hand nothing more over",
        description="Its events wait.",
        run=_pause,
        body=Body({"reason": "The shop moves"}, (actions.REASON,), optional=True),
        reply=Reply(None, None, HTTPStatus.NO_CONTENT, "It is paused, or was already."),
        errors=(*_UNKNOWN, "invalid-value"),
    ),
    Operation(
        name="resumeOutlet",
        method="DELETE",
        path="/outlets/{id}/pause",
        scope=Scope.ADMIN,
        tag="outlets",
        summary="Hand over again, beginning with what waits",
        run=_resume,
        reply=Reply(None, None, HTTPStatus.NO_CONTENT, "It is not paused; what waits is tried now."),
        errors=_UNKNOWN,
    ),
    Operation(
        name="replayOutlet",
        method="POST",
        path="/outlets/{id}/replay",
        scope=Scope.ADMIN,
        tag="outlets",
        summary="Hand over once more what happened since a moment",
        description="Each event comes under the id that it had.",
        run=_replay,
        body=Body({"since": "2026-11-23T00:00:00+00:00"}, (SINCE,)),
        reply=Reply({"events": 3}, obj({"events": COUNT}), description="So many are handed over once more."),
        errors=(*_UNKNOWN, "missing-field", "invalid-value"),
    ),
    Operation(
        name="retryOutlet",
        method="POST",
        path="/outlets/{id}/retry",
        scope=Scope.ADMIN,
        tag="outlets",
        summary="Try at once what waits",
        run=_retry,
        reply=_RETRIED,
        errors=_UNKNOWN,
    ),
    Operation(
        name="listDeliveries",
        method="GET",
        path="/outlets/{id}/deliveries",
        scope=Scope.READ,
        tag="outlets",
        summary="List what was handed over and what is on its way, the newest first",
        run=_deliveries,
        parameters=(STATE, *PAGING),
        reply=Reply({"items": [_EXAMPLE], "next": None}, list_of(obj(_DELIVERY))),
        errors=(*_UNKNOWN, "invalid-value"),
    ),
    Operation(
        name="getDelivery",
        method="GET",
        path="/outlets/{id}/deliveries/{delivery}",
        scope=Scope.READ,
        tag="outlets",
        summary="Get one delivery, with what is sent and what was answered",
        run=_delivery,
        reply=Reply(_EXAMPLE | {"body": "{}"}, obj({**_DELIVERY, "body": _BODY})),
        errors=(*_UNKNOWN, "unknown-delivery"),
    ),
    Operation(
        name="retryDelivery",
        method="POST",
        path="/outlets/{id}/deliveries/{delivery}/retry",
        scope=Scope.ADMIN,
        tag="outlets",
        summary="Send one delivery again, also if it was taken",
        run=_retry,
        reply=_RETRIED,
        errors=(*_UNKNOWN, "unknown-delivery"),
    ),
)
