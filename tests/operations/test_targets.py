"""Targets of alerts with conditions and quiet hours, and incidents that somebody acknowledged."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.operations.account_troubles import GROWING_RUNS
from postmaster.operations.quiet_hours import is_quiet
from postmaster.operations.targets import Target
from tests.operations.conftest import change_state
from tests.operations.test_alerts import NOON, account, look, titles
from tests.servers.alerts import WebhookServer
from tests.support import Desk
from tests.web.samples import add_quarantined

__all__ = ["account"]

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """The environment of an app in UTC."""
    return {**environ, "POSTMASTER_TIME_ZONE": "UTC"}


def add_target(desk: Desk, webhook: WebhookServer, *options: str, name: str = "Ops") -> None:
    """Add a target by the command line."""
    given = ("--name", name, "--address-stdin", *options)
    desk.ok("alert", "target", "add", *given, input=webhook.target)


# iNPUTmice/Conversations#2679: hours that were right only in summer.
@pytest.mark.parametrize(
    ("hours", "moment", "quiet"),
    [
        ("22:00-06:00", "2026-07-01T20:30+00:00", True),
        ("22:00-06:00", "2026-12-01T20:30+00:00", False),
        ("22:00-06:00", "2026-12-01T21:00+00:00", True),
        ("22:00-06:00", "2026-12-02T04:59+00:00", True),
        ("22:00-06:00", "2026-12-02T05:00+00:00", False),
        ("12:00-13:00", "2026-12-02T11:30+00:00", True),
        ("12:00-13:00", "2026-12-02T12:00+00:00", False),
        ("", "2026-12-02T12:00+00:00", False),
    ],
)
def test_quiet_hours_are_by_the_clock_on_the_wall(hours: str, moment: str, quiet: bool) -> None:
    assert is_quiet(hours, datetime.fromisoformat(moment).astimezone(UTC), BERLIN) is quiet


def test_a_target_of_the_database_is_told_once_and_once_when_it_is_over(
    account: str, webhook: WebhookServer, desk: Desk
) -> None:
    add_target(desk, webhook)
    for minute in (61, 63):
        look(minute)
    assert titles(webhook) == ["No mail fetched"]
    change_state(account, last_success_at=NOON)
    change_state(account, backlog=9, backlog_growth=GROWING_RUNS)
    desk.ok("alert", "target", "set", "Ops", "--validity", "invalid")
    look(65)
    assert titles(webhook) == ["No mail fetched"], "one that is not valid is told nothing"


@pytest.mark.usefixtures("account")
def test_a_target_is_told_of_its_conditions_alone(webhook: WebhookServer, desk: Desk, app: Flask) -> None:
    add_target(desk, webhook, "--conditions", "quarantine", "--conditions", "worker")
    add_quarantined(app, ["a"])
    look(61)
    assert titles(webhook) == ["Mail in quarantine"]
    [row] = desk.ok("alert", "target", "list", "--json").json_lines
    assert (row["conditions"], row["health"]) == (["quarantine", "worker"], "healthy")


# quarck/CalendarNotification#58: what was silent during quiet hours was never told afterwards.
def test_what_is_still_wrong_after_quiet_hours_is_told_then(account: str, webhook: WebhookServer, desk: Desk) -> None:
    add_target(desk, webhook, "--quiet-hours", "12:30-14:00")
    for minute in (61, 63, 119):
        look(minute)
    assert titles(webhook) == []
    assert account
    look(121)
    look(123)
    assert titles(webhook) == ["No mail fetched"]


def test_what_began_and_ended_in_quiet_hours_is_not_told(account: str, webhook: WebhookServer, desk: Desk) -> None:
    add_target(desk, webhook, "--quiet-hours", "12:30-14:00")
    look(61)
    change_state(account, last_success_at=NOON.replace(hour=13, minute=10))
    look(75)
    look(121)
    assert titles(webhook) == []
    assert [row["over"] is not None for row in desk.ok("alert", "list", "--all", "--json").json_lines] == [True]


def test_what_was_told_before_quiet_hours_is_over_after_them(account: str, webhook: WebhookServer, desk: Desk) -> None:
    add_target(desk, webhook, "--quiet-hours", "13:05-14:00")
    look(61)
    change_state(account, last_success_at=NOON.replace(hour=13, minute=6))
    look(67)
    assert titles(webhook) == ["No mail fetched"]
    look(121)
    assert titles(webhook) == ["No mail fetched", "over: No mail fetched"]


# rcourtman/Pulse#1398: one path that sends did not ask whether it is quiet; here the test alone does not.
def test_a_test_message_knows_no_quiet_hours(webhook: WebhookServer, desk: Desk) -> None:
    add_target(desk, webhook, "--quiet-hours", "00:00-23:59")
    assert desk.ok("alert", "test", "ops").stdout == "Ops: sent\n"
    assert desk.run("alert", "test", "Nobody").exit_code == 2


# alerta/alerta#263: an acknowledged alert that came again was open again, although nothing was worse.
@pytest.mark.usefixtures("account")
def test_an_acknowledged_incident_sends_nothing_more_until_it_is_over(
    app: Flask, webhook: WebhookServer, desk: Desk
) -> None:
    add_target(desk, webhook)
    add_quarantined(app, ["a", "b"])
    look(1)
    with time_machine.travel(NOON.replace(minute=2), tick=False):
        assert desk.ok("alert", "acknowledge", "1", "--note", "Ada looks at it").stdout.startswith("acknowledged 1 In ")
    look(3)
    desk.ok("quarantine", "delete", "1", "--yes")
    look(5)
    [row] = desk.ok("alert", "list", "--json").json_lines
    assert (row["acknowledged"], row["note"]) == ("2026-11-25T12:02:00Z", "Ada looks at it")
    assert "Ada looks at it" in desk.ok("alert", "list").stdout
    assert "(acknowledged by command line" in desk.run("status").stdout
    assert titles(webhook) == ["Mail in quarantine"]
    desk.ok("quarantine", "delete", "2", "--yes")
    look(7)
    assert titles(webhook) == ["Mail in quarantine", "over: Mail in quarantine"]


# opensearch-project/alerting#971: a third server that failed was never told, since two had been acknowledged.
@pytest.mark.usefixtures("account")
def test_one_that_gets_worse_comes_back_once(app: Flask, webhook: WebhookServer, desk: Desk) -> None:
    add_target(desk, webhook)
    add_quarantined(app, ["a", "b"])
    look(1)
    desk.ok("alert", "acknowledge", "1", "--note", "Ada looks at it")
    desk.ok("quarantine", "delete", "1", "--yes")
    look(3)
    add_quarantined(app, ["c"])  # two again, after there was one
    look(5)
    look(7)
    assert titles(webhook) == ["Mail in quarantine"] * 2
    assert "It got worse since command line" in webhook.calls[1]["message"]
    assert "acknowledged it: Ada looks at it" in webhook.calls[1]["message"]
    [row] = desk.ok("alert", "list", "--json").json_lines
    assert row["acknowledged"] is None
    assert "worse since command line" in desk.ok("alert", "list").stdout
    for number in ("2", "3"):
        desk.ok("quarantine", "delete", number, "--yes")
    look(9)
    assert titles(webhook)[2:] == ["over: Mail in quarantine"], "each target is told once that it is over"


def test_a_backlog_comes_back_when_it_has_doubled(account: str, webhook: WebhookServer, desk: Desk) -> None:
    add_target(desk, webhook)
    for minute, backlog in enumerate((10, 20, 21)):
        change_state(account, backlog=backlog, backlog_growth=GROWING_RUNS)
        look(1 + 2 * minute)
        if not minute:
            desk.ok("alert", "acknowledge", "1", "--note", "The provider throttles us")
        assert len(titles(webhook)) == (2 if backlog > 20 else 1)


@pytest.mark.usefixtures("account")
def test_what_a_target_did_not_take_is_not_tried_again_after_an_acknowledgement(
    app: Flask, webhook: WebhookServer, desk: Desk
) -> None:
    add_target(desk, webhook)
    webhook.broken = True
    add_quarantined(app, ["a"])
    look(1)
    assert "not sent to Ops; will be tried again" in desk.ok("alert", "list").stdout
    desk.ok("alert", "acknowledge", "1", "--note", "Ada looks at it")
    assert "will be tried again" not in desk.ok("alert", "list").stdout
    webhook.broken = False
    look(10)
    desk.ok("quarantine", "delete", "1", "--yes")
    look(20)
    assert titles(webhook) == [], "who was not told that it began is not told that it is over"


@pytest.mark.usefixtures("account")
def test_what_was_away_for_a_while_is_told_what_is_still_wrong(webhook: WebhookServer, desk: Desk, app: Flask) -> None:
    add_target(desk, webhook, "--conditions", "quarantine", name="One")
    add_target(desk, webhook, "--conditions", "quarantine", name="Other")
    webhook.broken = True
    add_quarantined(app, ["a"])
    look(1)
    desk.ok("alert", "target", "set", "Other", "--validity", "invalid")
    look(10)
    desk.ok("alert", "target", "set", "Other", "--validity", "valid")
    webhook.broken = False
    for minute in (60, 120, 180):
        look(minute)
    assert titles(webhook) == ["Mail in quarantine"] * 2


@pytest.mark.usefixtures("account")
def test_what_is_added_while_something_is_wrong_is_told_of_it(webhook: WebhookServer, desk: Desk, app: Flask) -> None:
    add_target(desk, webhook, "--conditions", "quarantine", name="One")
    add_quarantined(app, ["a"])
    look(1)
    add_target(desk, webhook, "--conditions", "quarantine", name="Other")
    for minute in (2, 3):
        look(minute)
    assert titles(webhook) == ["Mail in quarantine"] * 2


def test_what_admins_enter_leads_into_no_forbidden_network(environ: dict[str, str], webhook: WebhookServer) -> None:
    forbidding = create_app(load_environment({**environ, "POSTMASTER_FORBIDDEN_NETWORKS": "127.0.0.0/8"}))
    with forbidding.app_context():
        assert not Target("a", "a", webhook.target).send("title", "body")
        assert Target("b", "b", webhook.target, of_environment=True).send("title", "body")


@pytest.mark.parametrize("name", ["template", "KEYFILE"])
def test_a_target_names_no_file_of_this_machine(desk: Desk, name: str) -> None:
    given = ("--name", "Ops", "--address-stdin")
    refused = desk.run("alert", "target", "add", *given, input=f"json://localhost/?{name}=/etc/passwd")
    assert (refused.exit_code, "names a file of this machine" in refused.stderr) == (2, True)


@pytest.mark.usefixtures("account")
def test_what_is_acknowledged_by_its_id_has_to_be_open(app: Flask, desk: Desk) -> None:
    add_quarantined(app, ["a"])
    look(1)
    refused = desk.run("alert", "acknowledge", "7", "--note", "x")
    assert (refused.exit_code, "[unknown-incident]" in refused.stderr) == (2, True)
    assert "Note is missing" in desk.run("alert", "acknowledge", "1").stderr
    some = desk.ok("alert", "acknowledge", "7", "1", "--note", "x")
    assert "incident 7 is not open" in some.stderr


def test_targets_are_exported_and_imported_without_their_addresses(webhook: WebhookServer, desk: Desk) -> None:
    add_target(desk, webhook, "--quiet-hours", "22:00-06:00", "--conditions", "clock")
    document = desk.ok("alert", "target", "export").stdout
    desk.ok("alert", "target", "delete", "Ops", "--yes")
    assert desk.ok("alert", "target", "import", input=document).stdout.startswith("created target 2 Ops")
    assert desk.ok("alert", "target", "list", "--json").json["health"] == "needs-address"
    assert desk.run("alert", "test").exit_code == 2
    desk.ok("alert", "target", "set", "Ops", "--address-stdin", input=webhook.target)
    assert desk.ok("alert", "test").stdout == "Ops: sent\n"
    unknown = desk.run("alert", "target", "show", "Nobody")
    assert "Run: flask alert target list" in unknown.stderr
