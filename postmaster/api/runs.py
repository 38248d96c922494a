"""The operations of runs: what each found, and what became of it."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from postmaster.api.lists import PAGING, TEXT, page, read_cursor
from postmaster.api.operation import Answer, Call, Operation, Reply
from postmaster.api.schemas import COUNT, ID, MOMENT, list_of, obj, or_null
from postmaster.api.schemas import TEXT as TEXT_SCHEMA
from postmaster.database import read_session
from postmaster.errors import NotFoundError
from postmaster.extensions import Json, iso
from postmaster.fetching.counters import COUNTERS
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations.run_history import RunFilter, run_history
from postmaster.resources.fields import Field
from postmaster.resources.numbers import MAX_ID
from postmaster.resources.readers import member, moment, whole_number, yes_no
from postmaster.system.models import Scope

ACCOUNT = Field("account", "Account", read=whole_number(1, MAX_ID), metavar="ID", help="Only of this account.")
STATUS = Field("status", "Status", read=member(RunStatus), metavar="|".join(RunStatus), help="Only those with it.")
WITH_MAIL = Field("with_mail", "With mail", read=yes_no, empty=False, metavar="yes|no", help="Only those with mail.")
SINCE = Field("since", "Since", read=moment(UTC), metavar="MOMENT", help="Begun then, or later (ISO 8601, UTC).")
UNTIL = Field("until", "Until", read=moment(UTC, end_of_day=True), metavar="MOMENT", help="Begun before then.")
NEWER_THAN = Field("newer_than", "Newer than", read=whole_number(0, MAX_ID), metavar="ID", help="Those after this one.")

_EXAMPLE: Json = {
    "id": 18,
    "account": 3,
    "label": "orders@imap.example.com",
    "started_by": "API token shop",
    "started": "2026-11-23T09:12:00+00:00",
    "finished": "2026-11-23T09:12:02+00:00",
    "status": "ok",
    "expected": 2,
    **dict.fromkeys(COUNTERS, 0),
    "found": 2,
    "new": 2,
    "left_reasons": {},
    "bytes": 4711,
    "error": None,
}
_RUN = obj(
    {
        "id": ID,
        "account": or_null({**ID, "description": "The account; null if it is deleted."}),
        "label": TEXT_SCHEMA,
        "started_by": TEXT_SCHEMA,
        "started": MOMENT,
        "finished": or_null(MOMENT),
        "status": {"type": "string", "enum": list(RunStatus)},
        "expected": COUNT,
        **dict.fromkeys(COUNTERS, COUNT),
        "left_reasons": {"type": "object", "additionalProperties": COUNT},
        "bytes": COUNT,
        "error": {"type": ["object", "null"], "description": "What the mail server, or the way to it, did not do."},
    }
)


def run_json(run: FetchRun) -> Json:
    """A run as JSON has it; its counters are called as ``flask fetch --json`` calls them."""
    return {
        "id": run.id,
        "account": run.account_id,
        "label": run.label,
        "started_by": run.started_by,
        "started": run.started_at.isoformat(),
        "finished": iso(run.finished_at),
        "status": run.status.value,
        "expected": run.expected,
        **{name: getattr(run, name) for name in COUNTERS},
        "left_reasons": run.left_reasons,
        "bytes": run.bytes,
        "error": run.error,
    }


def _list(call: Call) -> Answer:
    asked: Any = call.query
    [before] = read_cursor(call) or [MAX_ID]
    wanted = RunFilter(
        text=asked["q"],
        account_id=asked["account"],
        status=asked["status"],
        with_mail=asked["with_mail"],
        since=asked["since"],
        until=asked["until"],
        before=before,
        newer_than=asked["newer_than"],
        queue_ids=call.caller.queue_ids,
    )
    with read_session() as session:
        found = run_history(session, wanted, asked["limit"])
    return page(call, map(run_json, found.rows), None if found.next is None else [found.next])


def _get(call: Call) -> Answer:
    wanted = RunFilter(before=call.id + 1, newer_than=call.id - 1, queue_ids=call.caller.queue_ids)
    with read_session() as session:
        found = run_history(session, wanted, 1)
    if not found.rows:
        raise NotFoundError(
            "unknown-run", f"There is no run {call.id}.", "RunRetentionDays says how long they are kept."
        )
    return Answer(run_json(found.rows[0]))


OPERATIONS = (
    Operation(
        name="listRuns",
        method="GET",
        path="/runs",
        scope=Scope.READ,
        tag="runs",
        summary="List runs, the newest first",
        description="What is not of one account is looked for in a stretch of runs at a time, so a page may have fewer "
        "than there are.",
        run=_list,
        parameters=(TEXT, ACCOUNT, STATUS, WITH_MAIL, SINCE, UNTIL, NEWER_THAN, *PAGING),
        reply=Reply({"items": [_EXAMPLE], "next": None}, list_of(_RUN)),
        errors=("invalid-value",),
        limited=True,
    ),
    Operation(
        name="getRun",
        method="GET",
        path="/runs/{id}",
        scope=Scope.READ,
        tag="runs",
        summary="Get one run",
        run=_get,
        reply=Reply(_EXAMPLE, _RUN),
        errors=("unknown-run",),
        limited=True,
    ),
)
