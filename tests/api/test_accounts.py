"""Fetch now, connection tests, runs, status, the pause, settings and events, for programs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from postmaster.outbox import reading
from tests.api.conftest import NewProgram, Program
from tests.api.test_door import problem
from tests.support import Desk, mail
from tests.web.test_runs import add_runs

if TYPE_CHECKING:
    from tests.servers.fixtures import TestMailbox


def test_an_account_is_added_with_what_its_type_calls_for(admin: Program, desk: Desk) -> None:
    name = desk.credential("orders", "secret")
    body = {"type": "IMAPS", "host": "imap.example.org", "credential": name, "dispatching": "queue", "queue": "Misc"}
    added = admin("POST", "/accounts", body)
    assert added.status_code == 201, added.text
    assert added.json is not None
    assert (added.json["queue"], added.json["ssl_verify"], added.json["address"]) == ("Misc", True, None)
    told = problem(admin("POST", "/accounts", {**body, "address": "a@example.org"}), 422, "field-not-in-type")
    assert told["errors"][0]["field"] == "address"
    problem(admin("POST", "/accounts", body), 422, "mailbox-taken")
    problem(admin("POST", "/accounts", {**body, "credential": "nobody"}), 422, "unknown-credential")


def test_fetch_now_queues_the_account_and_says_where_its_run_will_be(admin: Program, desk: Desk) -> None:
    desk.add_account(type="POP3", host="pop.example.org", dispatching="to", credential=desk.credential("a", "b"))
    answer = admin("POST", "/accounts/1/fetch")
    assert answer.status_code == 202, answer.text
    assert answer.json is not None
    assert answer.json["answer"] == "queued"
    assert answer.headers["Location"] == answer.json["run"] == "/api/v1/runs?account=1&newer_than=0"
    assert admin.get("/runs?account=1&newer_than=0") == {"items": [], "next": None}
    again = admin("POST", "/accounts/1/fetch")
    assert (again.status_code, (again.json or {})["answer"]) == (202, "already-queued")
    assert [row["answer"] for row in (admin("POST", "/accounts/fetch").json or {})["answers"]] == ["already-queued"]


def test_an_account_that_cannot_be_fetched_is_refused(admin: Program, desk: Desk) -> None:
    desk.add_account(type="POP3", host="pop.example.org", dispatching="to")
    problem(admin("POST", "/accounts/1/fetch"), 409, "not-fetched")
    problem(admin("POST", "/accounts/1/confirm"), 409, "nothing-to-confirm")
    problem(admin("POST", "/accounts/2/fetch"), 404, "unknown-account")


def test_runs_are_listed_and_shown(admin: Program, desk: Desk, new_program: NewProgram, mailbox: TestMailbox) -> None:
    mailbox.deliver(mail("one"), mail("two"))
    desk.account(mailbox, dispatching="queue", queue="Junk")
    desk.fetch()
    desk.fetch()
    [second, first] = admin.get("/runs")["items"]
    assert (first["found"], first["new"], first["status"], second["found"]) == (2, 2, "ok", 0)
    assert admin.get(f"/runs/{first['id']}") == first
    assert admin.get("/runs?with_mail=yes")["items"] == [first]
    page = admin.get("/runs?limit=1")
    assert admin.get(f"/runs?limit=1&after={page['next']}")["items"] == [first]
    assert admin.get(f"/runs?newer_than={first['id']}")["items"] == [second]
    assert admin.get("/runs?until=2020-01-01")["items"] == []
    assert new_program("read", queues=["Junk"]).get("/runs")["items"] == [second, first]
    stranger = new_program("read", queues=["Misc"])
    assert stranger.get("/runs")["items"] == []
    problem(stranger("GET", f"/runs/{first['id']}"), 404, "unknown-run")


def test_the_list_of_runs_ends_with_the_oldest_run_that_is_kept(admin: Program, app: Flask) -> None:
    for number in range(10_000_000, 10_000_003):
        add_runs(app, id=number, account_id=None)
    assert admin.get("/runs?status=failed") == {"items": [], "next": None}
    page = admin.get("/runs?status=ok&limit=2")
    assert [run["id"] for run in page["items"]] == [10_000_002, 10_000_001]
    assert admin.get(f"/runs?status=ok&limit=2&after={page['next']}")["next"] is None


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    """Processes that the app starts have its environment."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("children")
def test_a_connection_is_tested_as_by_the_command(admin: Program, desk: Desk, mailbox: TestMailbox) -> None:
    desk.account(mailbox, dispatching="to")
    begun = admin("POST", "/accounts/1/tests")
    assert begun.status_code == 202, begun.text
    found = ended(admin, begun.headers["Location"].removeprefix("/api/v1"))
    printed = desk.ok("account", "test", "1", "--json").json
    assert found["trouble"] == ""
    assert [stage["stage"] for stage in found["stages"]] == [stage["stage"] for stage in printed["stages"]]
    assert (found["ok"], found["warnings"], found["server_offer"]) == (
        True,
        printed["warnings"],
        printed["server_offer"],
    )
    problem(admin("GET", f"/accounts/1/tests/{'0' * 32}"), 404, "unknown-test")


def ended(program: Program, path: str) -> Any:
    """What a test has found in the end."""
    deadline = time.monotonic() + 60
    while (found := program.get(path))["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_the_status_is_what_the_command_prints(admin: Program, desk: Desk) -> None:
    desk.add_account(type="POP3", host="pop.example.org", dispatching="to")
    assert admin.get("/status") == desk.ok("status", "--json").json


def test_the_status_names_as_many_accounts_as_are_asked_for(admin: Program, desk: Desk) -> None:
    for number in range(3):
        desk.add_account(type="POP3", host=f"pop{number}.example.org", dispatching="to")
    told = admin.get("/status?limit=2")
    assert told == desk.ok("status", "--json", "--limit", 2).json
    assert (len(told["accounts"]), told["healths"]) == (2, {"needs-credential": 3})
    problem(admin("GET", "/status?limit=0"), 422, "invalid-value")


def test_fetching_is_paused_and_resumed(admin: Program, desk: Desk) -> None:
    problem(admin("PUT", "/pause", {}), 422, "missing-field")
    paused = admin("PUT", "/pause", {"reason": "The desk moves"})
    assert paused.status_code == 200
    assert paused.json == admin.get("/pause") == desk.ok("pause", "status", "--json").json
    assert paused.json["by"] == "API token program 1"
    problem(admin("PUT", "/pause", {"reason": "again"}), 409, "already-paused")
    assert admin("DELETE", "/pause").status_code == 204
    assert admin.get("/pause")["paused"] is False


def test_one_account_is_paused_and_resumed(admin: Program, desk: Desk) -> None:
    desk.add_account(type="POP3", host="pop.example.org", credential=desk.credential("ada", "secret"), tags="vip")
    problem(admin("PUT", "/accounts/1/pause", {}), 422, "missing-field")
    problem(admin("PUT", "/accounts/9/pause", {"reason": "x"}), 404, "unknown-account")
    assert admin("PUT", "/accounts/1/pause", {"reason": "The server moves"}).status_code == 204
    account = admin.get("/accounts/1")
    assert (account["health"], account["paused_by"]) == ("paused-by-hand", "API token program 1")
    assert account["paused_reason"] == "The server moves"
    problem(admin("POST", "/accounts/1/fetch"), 409, "not-fetched")
    assert [item["id"] for item in admin.get("/accounts?health=paused-by-hand&tag=vip")["items"]] == [1]
    assert admin.get("/accounts?tag=other")["items"] == []
    assert admin("DELETE", "/accounts/1/pause").status_code == 204
    assert admin.get("/accounts/1")["paused_at"] is None


def test_settings_are_told_with_unit_and_default_and_changed(admin: Program, desk: Desk) -> None:
    rows = {row["name"]: row for row in admin.get("/settings")["items"]}
    assert rows.keys() == {row["name"] for row in desk.ok("setting", "list", "--json").json_lines}
    assert (rows["SessionHours"]["unit"], rows["SessionHours"]["default"]) == ("hours", "12")
    seen = admin("GET", "/settings/sessionhours").headers["ETag"]
    changed = admin("PATCH", "/settings/SessionHours", {"value": "8"}, If_Match=seen)
    assert (changed.status_code, (changed.json or {})["value"]) == (200, "8")
    assert desk.ok("setting", "get", "SessionHours").stdout.strip() == "8"
    problem(admin("PATCH", "/settings/SessionHours", {"value": "9"}, If_Match=seen), 412, "revision-differs")
    problem(admin("PATCH", "/settings/SessionHours", {"value": "none"}), 422, "bad-setting")
    problem(admin("PATCH", "/settings/Nothing", {"value": "1"}), 404, "unknown-setting")


def test_each_number_among_the_settings_has_a_unit() -> None:
    from postmaster.resources.readers import WholeNumber
    from postmaster.system.setting_table import SETTINGS

    assert [spec.name for spec in SETTINGS.values() if isinstance(spec.read, WholeNumber) and not spec.unit] == []


def test_events_are_read_by_cursor(admin: Program, new_program: NewProgram, desk: Desk) -> None:
    for queue in ("Junk", "Misc", "Junk"):
        desk.ok("read", "--queue", queue, input=mail(f"to {queue}"))
    first = admin.get("/events?limit=2")
    assert [event["type"] for event in first["items"]] == ["ticket.created"] * 2
    rest = admin.get(f"/events?after={first['next']}")
    assert len(rest["items"]) == 1
    assert admin.get(f"/events?after={rest['next']}") == {"items": [], "next": rest["next"]}
    assert len(admin.get("/events?types=mail.ignored&types=article.added")["items"]) == 0
    assert len(admin.get("/events?queues=Junk")["items"]) == 2
    limited = new_program("read", queues=["Misc"])
    assert [event["sequence"] for event in limited.get("/events")["items"]] == [first["items"][1]["sequence"]]
    problem(limited("GET", "/events?queues=Junk"), 422, "unknown-queue")
    [event] = limited.get("/events")["items"]
    desk.ok("ticket", "set", event["data"]["ticket"]["number"], "--queue", "Junk")
    assert all(
        told["data"]["ticket"] is told["data"]["article"] is told["data"]["mail"] is None
        for told in limited.get("/events")["items"]
    ), "the ticket is where the token sees nothing"
    problem(admin("GET", "/events?types=nothing"), 422, "invalid-value")


def test_who_waits_is_told_as_soon_as_something_happens(admin: Program, desk: Desk) -> None:
    told: list[Any] = []
    waiting = threading.Thread(target=lambda: told.append(admin.get("/events?wait=30")))
    began = time.monotonic()
    waiting.start()
    desk.ok("read", input=mail("hello"))
    waiting.join(30)
    assert [event["type"] for event in told[0]["items"]] == ["ticket.created"]
    assert time.monotonic() - began < 25


def test_those_who_wait_leave_room_for_others(admin: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_waiters", threading.BoundedSemaphore(1))
    assert reading._waiters.acquire()
    began = time.monotonic()
    assert admin.get("/events?wait=20")["items"] == []
    assert time.monotonic() - began < 15
