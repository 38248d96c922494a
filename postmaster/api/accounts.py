"""The operations of accounts beyond those that all resources share: fetch now, test the connection, confirm."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from flask import request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.accounts.fields import TYPE
from postmaster.accounts.listing import ACCOUNTS
from postmaster.accounts.models import MailAccount
from postmaster.accounts.pause import REASON, pause, resume
from postmaster.accounts.service import AccountService
from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.resources import ApiResource, resource_operations, visible
from postmaster.api.schemas import COUNT, FLAG, TEXT, obj, or_null
from postmaster.database import read_session, transaction
from postmaster.errors import NotFoundError, PostMasterError
from postmaster.extensions import Json
from postmaster.ledger.models import FetchRun, RunStatus
from postmaster.operations import requests
from postmaster.operations.requests import ANSWER_TEXTS, WELL, confirm_first_fetch, request_fetch
from postmaster.operations.server_checks import CheckReport, read_report, start
from postmaster.system.models import Scope

_OBJECT_OR_NULL: Json = {"type": ["object", "null"]}

MAIL_ACCOUNTS = ApiResource(
    AccountService,
    ACCOUNTS,
    example={"type": "IMAPS", "host": "imap.example.com", "credential": "Shop", "dispatching": "to"},
    shown={
        "label": "orders@imap.example.com",
        "ssl_verify": True,
        "trusted": "no",
        "validity": "valid",
        "tags": "",
        "comment": "",
        "last_run": None,
        "last_success": None,
        "failures": 0,
        "backlog": 0,
        "paused_at": None,
        "paused_by": None,
        "paused_reason": None,
        "error": None,
    },
    details={
        "last_run": or_null({"type": "string", "format": "date-time"}),
        "last_success": or_null({"type": "string", "format": "date-time"}),
        "failures": COUNT,
        "backlog": COUNT,
        "paused_at": or_null({"type": "string", "format": "date-time"}),
        "paused_by": or_null(TEXT),
        "paused_reason": or_null(TEXT),
        "error": {**_OBJECT_OR_NULL, "description": "What the last run could not do."},
    },
    queue=MailAccount.queue_id,
    kinds=TYPE,
    errors=("field-not-in-type", "mailbox-taken", "credential-kind", "bad-fingerprint"),
)


def _pause(call: Call) -> Answer:
    with transaction() as session:
        account = visible(MAIL_ACCOUNTS, session, call)
        pause(AccountService(session, call.actor), account, call.values((REASON,))[REASON.name])
    return Answer()


def _resume(call: Call) -> Answer:
    with transaction() as session:
        account = visible(MAIL_ACCOUNTS, session, call)
        resume(AccountService(session, call.actor), account)
    return Answer()


def _fetch(call: Call) -> Answer:
    with read_session() as session:
        account = visible(MAIL_ACCOUNTS, session, call)
        newest = session.scalar(select(func.max(FetchRun.id))) or 0
    requested = request_fetch([account.id], call.actor)
    answer = requested.answers[account.id]
    sentence = ANSWER_TEXTS[answer].format(label=account.label)
    if answer not in WELL:
        raise PostMasterError("not-fetched", sentence, "Change what keeps it from it, and try again.")
    with read_session() as session:
        location = _run_address(session, account.id, newest)
    told = {"answer": answer.value, "sentence": sentence, "run": location, "fetching": requested.state.as_dict()}
    return Answer(told, {"Location": location})


def _run_address(session: Session, account_id: int, newest: int) -> str:
    """Where the run is, or is found as soon as it has begun: there was ``newest`` before it was asked for."""
    running = FetchRun.account_id == account_id, FetchRun.status == RunStatus.RUNNING
    run_id = session.scalar(select(FetchRun.id).where(*running))
    root = f"{request.script_root}/api/v1/runs"
    return f"{root}/{run_id}" if run_id else f"{root}?{urlencode({'account': account_id, 'newer_than': newest})}"


def _fetch_all(call: Call) -> Answer:
    requested = request_fetch(None, call.actor)
    answers = [{"account": number, "answer": answer.value} for number, answer in requested.answers.items()]
    return Answer({"answers": answers, "sentence": requested.sentence, "fetching": requested.state.as_dict()})


def _confirm(call: Call) -> Answer:
    with transaction() as session:
        account = visible(MAIL_ACCOUNTS, session, call)
        return Answer({"messages": confirm_first_fetch(session, account.id, call.actor)})


def _start_test(call: Call) -> Answer:
    with read_session() as session:
        account = visible(MAIL_ACCOUNTS, session, call)
        values = AccountService(session, call.actor).values(account)
    token = start("test", values, call.actor, account.id)
    report = read_report("test", token) or CheckReport("test", token, running=True, lines=[])
    address = f"{request.script_root}/api/v1/accounts/{account.id}/tests/{token}"
    return Answer(_test_json(report), {"Location": address})


def _get_test(call: Call) -> Answer:
    with read_session() as session:
        visible(MAIL_ACCOUNTS, session, call)
    report = read_report("test", call.path["token"])
    if report is None:
        raise NotFoundError("unknown-test", "There is no such test any more.", "They are kept for a day. Test again.")
    return Answer(_test_json(report))


def _test_json(report: CheckReport) -> Json:
    """How far a test is; what it found in the end is as ``flask account test --json`` prints it."""
    result = report.result
    return {
        "running": report.running,
        "waiting": report.waiting,
        "trouble": report.trouble,
        "ok": result.get("ok"),
        "stages": report.stages,
        "warnings": result.get("warnings", []),
        "server_offer": result.get("server_offer"),
    }


FETCHING: Json = {
    "fetching": "active",
    "sentence": "Mail is being fetched.",
    "advice": "",
    "workers": 2,
    "schedulers": 1,
    "paused_by": None,
    "reason": None,
    "since": None,
}
FETCHING_SCHEMA = obj(
    {
        **dict.fromkeys(("fetching", "sentence", "advice"), TEXT),
        **dict.fromkeys(("workers", "schedulers"), COUNT),
        **dict.fromkeys(("paused_by", "reason", "since"), or_null(TEXT)),
    }
)
_ANSWER: Json = {"type": "string", "enum": list(requests.Answer)}
_STAGE: Json = {"stage": "connect", "state": "ok", "text": "Connected to imap.example.com."}
_TEST: Json = {
    "running": False,
    "waiting": [],
    "trouble": "",
    "ok": True,
    "stages": [_STAGE],
    "warnings": [],
    "server_offer": None,
}
_TEXTS: Json = {"type": "array", "items": TEXT}
_TEST_SCHEMA = obj(
    {
        "running": FLAG,
        "waiting": {**_TEXTS, "description": "Stages that are still to come."},
        "trouble": {**TEXT, "description": "Why there is no result, if there is none."},
        "ok": or_null(FLAG),
        "stages": {"type": "array", "items": {"type": "object"}},
        "warnings": _TEXTS,
        "server_offer": _OBJECT_OR_NULL,
    }
)

OPERATIONS = (
    *resource_operations(MAIL_ACCOUNTS),
    Operation(
        name="fetchAccount",
        method="POST",
        path="/accounts/{id}/fetch",
        scope=Scope.ADMIN,
        tag="accounts",
        summary="Fetch one account now",
        description="Its mail is fetched before that of all others. Location is where its run is found.",
        run=_fetch,
        reply=Reply(
            {
                "answer": "queued",
                "sentence": "orders@imap.example.com is queued for fetching.",
                "run": "/api/v1/runs?account=3&newer_than=17",
                "fetching": FETCHING,
            },
            obj({"answer": _ANSWER, "sentence": TEXT, "run": TEXT, "fetching": FETCHING_SCHEMA}),
            HTTPStatus.ACCEPTED,
            "It is queued, or was already.",
            headers={"Location": "The run; or a list of runs, where it is found as soon as it begins."},
        ),
        errors=("unknown-account", "not-fetched"),
    ),
    Operation(
        name="fetchAll",
        method="POST",
        path="/accounts/fetch",
        scope=Scope.ADMIN,
        tag="accounts",
        summary="Fetch all valid accounts now",
        run=_fetch_all,
        reply=Reply(
            {
                "answers": [{"account": 3, "answer": "queued"}],
                "sentence": "Accounts: 1 queued.",
                "fetching": FETCHING,
            },
            obj(
                {
                    "answers": {"type": "array", "items": obj({"account": COUNT, "answer": _ANSWER})},
                    "sentence": TEXT,
                    "fetching": FETCHING_SCHEMA,
                }
            ),
            HTTPStatus.ACCEPTED,
            "What becomes of each account.",
        ),
        errors=("database-away",),
    ),
    Operation(
        name="confirmFirstFetch",
        method="POST",
        path="/accounts/{id}/confirm",
        scope=Scope.ADMIN,
        tag="accounts",
        summary="Confirm the first fetch of a full mailbox",
        description="All that the mailbox holds becomes tickets, and is deleted on its server.",
        run=_confirm,
        reply=Reply({"messages": 4711}, obj({"messages": COUNT}), description="How many messages there were."),
        errors=("unknown-account", "nothing-to-confirm"),
    ),
    Operation(
        name="pauseAccount",
        method="PUT",
        path="/accounts/{id}/pause",
        scope=Scope.ADMIN,
        tag="accounts",
        summary="Fetch no more mail of one account",
        description="Its mail stays on the server until it is resumed; a run ends after its current batch.",
        run=_pause,
        body=Body({"reason": "The server moves"}, (REASON,)),
        reply=Reply(None, None, HTTPStatus.NO_CONTENT, "It is paused, or was already."),
        errors=("unknown-account", "missing-field", "invalid-value"),
    ),
    Operation(
        name="resumeAccount",
        method="DELETE",
        path="/accounts/{id}/pause",
        scope=Scope.ADMIN,
        tag="accounts",
        summary="Fetch mail of one account again",
        description="What was due meanwhile is due at once.",
        run=_resume,
        reply=Reply(None, None, HTTPStatus.NO_CONTENT, "It is not paused."),
        errors=("unknown-account",),
    ),
    Operation(
        name="testAccount",
        method="POST",
        path="/accounts/{id}/tests",
        scope=Scope.ADMIN,
        tag="accounts",
        summary="Test the connection of one account",
        description="Nothing on the server changes. Location is where the test tells how far it is.",
        run=_start_test,
        reply=Reply(
            _TEST | {"running": True, "ok": None},
            _TEST_SCHEMA,
            HTTPStatus.ACCEPTED,
            "The test has begun.",
            headers={"Location": "The test."},
        ),
        errors=("unknown-account", "busy"),
    ),
    Operation(
        name="getAccountTest",
        method="GET",
        path="/accounts/{id}/tests/{token}",
        scope=Scope.ADMIN,
        tag="accounts",
        summary="Get how far a test of a connection is",
        run=_get_test,
        reply=Reply(_TEST, _TEST_SCHEMA),
        errors=("unknown-account", "unknown-test"),
    ),
)
