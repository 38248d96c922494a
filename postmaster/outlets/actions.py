"""What is done with an outlet beside changing it: test, pause, resume, replay, and sending again."""

from __future__ import annotations

import json
import secrets
from datetime import datetime

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from postmaster.accounts.sealing import UnsealError, unseal
from postmaster.database import transaction
from postmaster.errors import NotFoundError, PostMasterError
from postmaster.extensions import Json, iso, now
from postmaster.outbox.models import Event
from postmaster.outlets.events import goes_to, id_before
from postmaster.outlets.fields import read_header_lines
from postmaster.outlets.leases import IS_OPEN, lock_states
from postmaster.outlets.models import Delivery, DeliveryState, Outlet, OutletState
from postmaster.outlets.results import Answer, pause_state, try_now
from postmaster.outlets.senders import make_sender
from postmaster.resources.audit import audit
from postmaster.resources.fields import Field
from postmaster.resources.readers import line

TEST_TYPE = "outlet.test"

REASON = Field("reason", "Reason", read=line(500), empty="", metavar="TEXT", help="Why, for whoever finds it paused.")


def send_test(outlet: Outlet, actor: str) -> Answer:
    """Send an event that says that it is a test, and write that down; what came of it. It takes some seconds at most.

    Raises PostMasterError if there is nothing to sign it with. No session should be open meanwhile.
    """
    if not outlet.sealed_secret:
        raise PostMasterError(
            "outlet-secret-missing",
            f"The outlet “{outlet.name}” has no secret, so nothing can be signed.",
            f"Give it one: flask outlet set “{outlet.name}” --secret-stdin",
        )
    try:
        sender = make_sender(outlet)
    except UnsealError:
        raise PostMasterError(
            "outlet-sealed",
            f"No key opens the secrets of the outlet “{outlet.name}”.",
            "Put back the key that they were sealed with, or enter them again.",
        ) from None
    try:
        answer = sender.send(*_test_event())
    finally:
        sender.close()
    with transaction() as session:
        _audit(session, outlet, actor, "test", taken=answer.taken, status=answer.status)
    return answer


def _test_event() -> tuple[str, str]:
    key = f"test_{secrets.token_hex(8)}"
    document = {"id": key, "type": TEST_TYPE, "timestamp": now().isoformat(), "sequence": 0, "data": {}}
    return key, json.dumps(document)


def header_names(outlet: Outlet) -> list[str]:
    """The names of the headers that go along; their values may be secrets."""
    try:
        return list(read_header_lines(unseal(outlet.sealed_headers))) if outlet.sealed_headers else []
    except UnsealError:
        return []


def words_of(answer: Answer) -> str:
    """What came of an attempt, in a sentence."""
    what = f"It answered {answer.status}" if answer.status else "No answer came"
    taken = "The receiver took it." if answer.taken else "It was not taken."
    return f"{taken} {what} after {answer.seconds:.2f} s{f': {answer.text}' if answer.text else '.'}"


def deliveries_of(outlet: Outlet, state: DeliveryState | None) -> Select[Delivery]:
    """The deliveries of ``outlet``, of those in one state if it is named."""
    query = select(Delivery).where(Delivery.outlet_id == outlet.id)
    return query if state is None else query.where(Delivery.state == state)


def describe(delivery: Delivery) -> Json:
    """A delivery as commands print it."""
    return {
        "id": delivery.id,
        "event": delivery.event_type.value,
        "event_id": delivery.event_key,
        "sequence": delivery.event_id,
        "happened": delivery.event_at.isoformat(),
        "ticket": delivery.ticket_id,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_try": delivery.next_at.isoformat() if delivery.state is DeliveryState.WAITING else None,
        "tried": iso(delivery.tried_at),
        "status": delivery.status,
        "answer": delivery.answer,
        "seconds": delivery.seconds,
        "delivered": iso(delivery.delivered_at),
        "number": delivery.remote_number,
        "url": delivery.remote_url,
    }


def pause(session: Session, outlet: Outlet, reason: str, actor: str) -> bool:
    """Hand nothing more over; returns whether it was not paused before. The caller commits."""
    reason = REASON.parse(reason)
    state = _locked(session, outlet)
    if state.paused_at is not None:
        return False
    pause_state(state, actor, reason, now())
    _audit(session, outlet, actor, "pause", reason=reason)
    return True


def resume(session: Session, outlet: Outlet, actor: str) -> bool:
    """Hand over again, beginning with what waits; returns whether it was paused. The caller commits."""
    state = _locked(session, outlet)
    was_paused = state.paused_at is not None
    state.paused_at = state.paused_by = state.paused_reason = None
    try_now(session, state, now())
    if was_paused:
        _audit(session, outlet, actor, "resume")
    return was_paused


def replay(session: Session, outlet: Outlet, since: datetime, actor: str) -> int:
    """Hand over once more what happened since then, each event under the id that it had; returns how many there are.

    What is open of these waits for its turn again, so that the order of each ticket holds. The caller commits.
    """
    state = _locked(session, outlet)
    start = min(id_before(session, since), state.cursor)
    session.execute(delete(Delivery).where(Delivery.outlet_id == outlet.id, IS_OPEN, Delivery.event_id > start))
    state.cursor = start
    try_now(session, state, now())
    count = session.scalar(select(func.count()).select_from(Event).where(Event.id > start, *goes_to(outlet))) or 0
    _audit(session, outlet, actor, "replay", since=since.isoformat(), events=count)
    return count


def retry(session: Session, outlet: Outlet, delivery_id: int | None, actor: str) -> int:
    """Have what waits tried at once, or one delivery, also one that was taken; returns how many. The caller commits.

    Raises NotFoundError if there is no such delivery.
    """
    if delivery_id is not None:
        find_delivery(session, outlet, delivery_id)
    state = _locked(session, outlet)
    mine = update(Delivery).where(Delivery.outlet_id == outlet.id, Delivery.state != DeliveryState.SENDING)
    chosen = mine.where(IS_OPEN) if delivery_id is None else mine.where(Delivery.id == delivery_id)
    again = {"state": DeliveryState.WAITING, "next_at": now(), "delivered_at": None}
    done = session.execute(chosen.values(again).execution_options(synchronize_session=False))
    try_now(session, state, now())
    count: int = done.rowcount  # type: ignore[attr-defined]
    if count:
        _audit(session, outlet, actor, "retry", deliveries=count)
    return count


def find_delivery(session: Session, outlet: Outlet, number: int) -> Delivery:
    """The delivery with that id. Raises NotFoundError if it is none of this outlet's."""
    found = session.get(Delivery, number)
    if found is None or found.outlet_id != outlet.id:
        raise NotFoundError(
            "unknown-delivery",
            f"The outlet “{outlet.name}” has no delivery {number}.",
            f"Run: flask outlet deliveries “{outlet.name}”",
        )
    return found


def _locked(session: Session, outlet: Outlet) -> OutletState:
    return lock_states(session, [outlet.id])[outlet.id]


def _audit(session: Session, outlet: Outlet, actor: str, action: str, **detail: object) -> None:
    audit(session, actor, action, "outlet", f"{outlet.name} ({outlet.id})", dict(detail))
