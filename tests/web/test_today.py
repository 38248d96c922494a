"""The lead's morning: the figures of the day lead to what they count, and mail by the hour to the mail of the hour."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from postmaster.accounts.models import AccountState, MailAccount
from postmaster.database import transaction
from postmaster.desk.models import Article, SenderType, Ticket
from postmaster.extensions import now
from postmaster.ledger.flow_models import Outage, QueueHour, WaitingHour
from postmaster.ledger.hourly_counts import COUNTER_COLUMNS, hour_of
from postmaster.ledger.models import InboundMail, MailHour
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail
from tests.web.conftest import HTMX, add, signed_in
from tests.web.morning import add_morning
from tests.web.resource_support import labels, queries_of, words
from tests.web.test_accounts import add_rows, tell_state
from tests.web.test_beats import beat, told_by
from tests.web.test_board import press, wall_of

# A day in whose middle nothing of a test falls into another one.
NOON = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


@pytest.fixture
def noon_lead(app: Flask) -> Iterator[FlaskClient]:
    """The browser of a team lead at ``NOON``."""
    with time_machine.travel(NOON, tick=False):
        add(app, "lead", "lead")
        yield signed_in(app, "lead")


def link_of(page: str, label: str) -> str:
    """Where the figure with that label leads."""
    found = re.search(rf"<dt>{label}</dt><dd><a\s+href=\"([^\"]+)\"", page)
    assert found, label
    return html.unescape(found[1])


def arrived(subject: str, minutes: int) -> bytes:
    """A message that its mailbox's server has had for so long."""
    moment = now() - timedelta(minutes=minutes)
    received = f"Received: from a by b; {moment:%a, %d %b %Y %H:%M:%S} +0000"
    return mail(subject, sender=f"{subject}@example.net", headers=[received])


def test_figures_lead_to_lists_that_show_as_many(lead: FlaskClient, desk: Desk, mailbox: TestMailbox) -> None:
    mailbox.deliver(*(arrived(f"mail{number}", 4 if number < 19 else 600) for number in range(20)))
    desk.account(mailbox)
    desk.fetch()
    number = desk.tickets()[0]["number"]
    desk.ok("ticket", "set", number, "--state", "open")
    desk.ok("ticket", "set", desk.tickets()[1]["number"], "--state", "closed successful")
    page = lead.get("/status").text
    assert "Mail today 20 usual is known after 3 days" in words(page)
    assert len(labels(lead, link_of(page, "Mail today"))) == 20
    assert ("New tickets 18" in words(page), len(labels(lead, link_of(page, "New tickets")))) == (True, 18)
    assert ("Open tickets 19" in words(page), len(labels(lead, link_of(page, "Open tickets")))) == (True, 19)
    [slow] = re.findall(r'href="(/mail\?[^"]*waited=[^"]*)"', page)
    assert len(labels(lead, html.unescape(slow))) == 1
    assert "half of today’s mail; 95 % within" in words(page)
    [queue] = re.findall(r'href="(/status\?queue=[^"]*)">\s*20<', page)
    chart = lead.get(html.unescape(queue)).text
    assert "20 recorded" in words(chart)
    [behind] = re.findall(r'id="queue-mail" href="([^"]*)"', chart)
    assert len(labels(lead, html.unescape(behind))) == 20
    [hour] = re.findall(r'href="(/mail\?from=[^"]*to=[^"]*)" tabindex', page)
    assert len(labels(lead, html.unescape(hour))) == 20
    [account] = re.findall(r'id="mail-1"\s+href="([^"]*)"', page)
    assert len(labels(lead, html.unescape(account))) == 20


def test_accounts_that_do_not_deliver_are_shown_alone(app: Flask, lead: FlaskClient) -> None:
    lead.get("/status")
    add_rows(app, 1, 10)
    page = lead.get("/status").text
    assert "Not delivering 5 of 9 accounts" in words(page)
    address = link_of(page, "Not delivering")
    only = lead.get(address).text
    assert only.count('class="tile"') == 5
    assert '<input type="hidden" name="show" value="undelivering">' in only  # the pulse sends it along
    assert lead.get("/status/board?show=undelivering", headers=HTMX).text.count('class="tile"') == 5


def test_the_oldest_ticket_without_an_answer_is_named(app: Flask, lead: FlaskClient) -> None:
    add_morning(app, 1, 0)
    assert link_of(lead.get("/status").text, "Unanswered for") == "/tickets/2026110100000"
    with app.app_context(), transaction() as session:
        answer = {"sender_type": SenderType.AGENT, "header": {}, "text": "Done."}
        session.execute(insert(Article), [{"ticket_id": 1, **answer}, {"ticket_id": 2, **answer}])
    assert link_of(lead.get("/status").text, "Unanswered for") == "/tickets/2026110100002"
    with app.app_context(), transaction() as session:
        session.execute(update(Ticket).values(state="closed successful"))
    assert "Unanswered for – no open tickets" in words(lead.get("/status").text)


def add_hours(app: Flask, per_day: dict[int, int], hours_ago: int = 3) -> None:
    """So many messages, so many days ago, some hours before this one."""
    with app.app_context(), transaction() as session:
        for days, mails in per_day.items():
            hour = hour_of(now()) - timedelta(days=days, hours=hours_ago)
            session.add(QueueHour(hour=hour, queue_id=0, mails=mails))


@pytest.mark.parametrize(
    ("per_day", "hours_ago", "said"),
    [
        ({0: 5, 1: 10, 2: 30, 3: 20, 4: 40}, 3, "Mail today 5 usually 20 by now"),
        ({0: 5, 1: 10, 2: 30}, 3, "Mail today 5 usual is known after 3 days"),
        ({0: 6, 1: 10, 2: 10, 3: 10, 4: 10}, 0, "Mail today 6 usually 5 by now"),  # half of this hour is over
        ({0: 6, 1: 10, 2: 10, 3: 10, 4: 10}, -4, "Mail today 6 usually 0 by now"),
    ],
    ids=["hours before", "too few days", "this hour", "later hours"],
)
def test_usual_is_what_had_come_by_this_hour(
    app: Flask, noon_lead: FlaskClient, per_day: dict[int, int], hours_ago: int, said: str
) -> None:
    add_hours(app, per_day, hours_ago)
    assert said in words(noon_lead.get("/status").text)


def test_a_day_that_begins_within_an_hour_counts_all_of_it(app: Flask, noon_lead: FlaskClient) -> None:
    """In Kolkata it is six in the evening, and midnight was at half past an hour of UTC."""
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], time_zone=ZoneInfo("Asia/Kolkata"))
    noon_lead.get("/status")
    add_rows(app, 1, 2)
    add_hours(app, {0: 5, 1: 10, 2: 10, 3: 10}, 18)
    add_hours(app, {0: 90, 1: 90, 2: 90, 3: 90}, 19)
    hour = hour_of(NOON) - timedelta(hours=18)
    with app.app_context(), transaction() as session:
        session.execute(update(QueueHour).values(queue_id=1))
        session.add(MailHour(account_id=1, hour=hour, **dict.fromkeys(COUNTER_COLUMNS, 0) | {"new": 5}))
        session.add(WaitingHour(hour=hour, seconds=120, mails=5))
    page = noon_lead.get("/status").text
    assert "Mail today 5 usually 10 by now" in words(page)
    assert "half of today’s mail" in words(page)
    assert re.search(r'id="mail-1"\s+href="[^"]*">\s*5<', page)
    assert re.search(r'href="/status\?queue=[^"]*">\s*5<', page)


def test_the_chart_speaks_of_one_message_as_one(app: Flask, lead: FlaskClient) -> None:
    lead.get("/status")
    add_rows(app, 1, 2)
    add_hours(app, {0: 1}, 2)
    assert "1 message in the last 24 hours" in lead.get("/status").text


def test_the_week_before_is_a_band_behind_the_hours_and_a_table(app: Flask, lead: FlaskClient) -> None:
    lead.get("/status")
    add_rows(app, 1, 2)
    add_hours(app, {0: 5, 1: 10, 2: 30, 3: 20, 7: 1}, 2)
    page = lead.get("/status").text
    assert 'class="band"' in page
    assert ": 5, usually 0 to 30" in words(page)
    assert '<table class="hours">' not in page
    table = lead.get("/status?table=1").text
    assert table.count('<th scope="row">') >= 24
    assert "5 0 to 30" in words(table)


def test_mail_by_the_hour_can_be_that_of_one_queue(app: Flask, lead: FlaskClient) -> None:
    add_morning(app, 1, 0)
    page = lead.get("/status?queue=Raw").text
    assert "last 24 hours: Raw" in words(page)
    chart = page[page.index('class="bars"') :]
    assert 'href="/mail' not in chart[: chart.index("</svg>")]
    assert lead.get("/status?queue=Nowhere").status_code == 200


def test_a_beat_brings_the_chart_only_when_mail_came(app: Flask, noon_lead: FlaskClient) -> None:
    add_morning(app, 1, 0)
    shown = told_by(noon_lead.get("/status").text)
    assert 'id="mail"' not in beat(noon_lead, shown)
    with app.app_context(), transaction() as session:
        session.execute(update(QueueHour).values(mails=QueueHour.mails + 1))
    assert 'id="mail" hx-swap-oob="true"' in beat(noon_lead, shown)


def test_status_needs_as_many_queries_for_50_accounts_as_for_5(app: Flask, lead: FlaskClient) -> None:
    add_morning(app, 5, 1)
    few = queries_of(app, lead, "/status/board")
    add_rows(app, 6, 501)
    assert queries_of(app, lead, "/status/board") == few


@pytest.mark.parametrize(
    ("began", "ended", "share", "told"),
    [
        (timedelta(days=3), timedelta(0), "90.0 %", "not fetched for 1 day"),
        (timedelta(minutes=1), timedelta(0), "99.9 %", "not fetched for 1 min"),
        (timedelta(days=10), timedelta(days=7), "90.0 %", "fetched all the time"),
        (timedelta(days=40), timedelta(days=27), "90.0 %", "fetched all the time"),
        (timedelta(days=40), timedelta(days=31), "100 %", "fetched all the time"),
    ],
    ids=["until now", "a minute is seen", "a week ago", "cut by thirty days", "too long ago"],
)
def test_uptime_is_a_share_of_thirty_days(
    app: Flask, noon_lead: FlaskClient, began: timedelta, ended: timedelta, share: str, told: str
) -> None:
    noon_lead.get("/status")
    add_rows(app, 2, 3)
    tell_state(app, 2, last_run_at=NOON, last_success_at=NOON)
    with app.app_context(), transaction() as session:
        session.execute(update(MailAccount).values(created_at=NOON - timedelta(days=90)))
        session.add(Outage(account_id=2, began_at=NOON - began, ended_at=NOON - ended, failed=True))
    page = noon_lead.get("/status").text
    assert f"{share} of 30 days" in words(page)
    assert f"last 24 hours: {told}" in page
    assert f"Fetched {share} of the last 30 days" in words(noon_lead.get("/accounts/2/status").text)


def test_what_lasts_counts_before_it_is_over(app: Flask, noon_lead: FlaskClient) -> None:
    """Also if no run failed: no worker was there."""
    noon_lead.get("/status")
    add_rows(app, 2, 3)
    tell_state(app, 2, last_run_at=NOON, last_success_at=NOON - timedelta(hours=6))
    with app.app_context(), transaction() as session:
        session.execute(update(MailAccount).values(created_at=NOON - timedelta(days=90)))
    assert "last 24 hours: not fetched for 6 h 0 min" in noon_lead.get("/status").text
    page = words(noon_lead.get("/accounts/2/status").text)
    assert "06:30 now 6 h 0 min No runs" in page


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"paused_at": 300}, "fetched all the time"),
        ({"resumed_at": 1}, "fetched all the time"),
        ({"resumed_at": 120}, "not fetched for 2 h 0 min"),
        ({"paused_at": 120}, "not fetched for 3 h 0 min"),
        ({"paused_at": 120, "failing_since": 299}, "not fetched for 4 h 59 min"),
    ],
    ids=["paused", "just resumed", "no run since", "no worker before", "failing before"],
)
def test_a_pause_is_no_outage(app: Flask, noon_lead: FlaskClient, state: dict[str, int], told: str) -> None:
    """Of an account that was last fetched five hours ago; what happened is given in minutes before now."""
    noon_lead.get("/status")
    add_rows(app, 2, 3)
    moments = {name: NOON - timedelta(minutes=minutes) for name, minutes in state.items()}
    tell_state(app, 2, last_run_at=NOON, last_success_at=NOON - timedelta(hours=5), **moments)
    with app.app_context(), transaction() as session:
        session.execute(update(MailAccount).values(created_at=NOON - timedelta(days=90)))
        session.execute(update(AccountState).where(AccountState.paused_at.is_not(None)).values(paused_reason="Move"))
    assert f"last 24 hours: {told}" in noon_lead.get("/status").text


def test_an_outage_is_written_down_when_it_is_over(
    app: Flask, lead: FlaskClient, desk: Desk, mailbox: TestMailbox
) -> None:
    account = desk.account(mailbox)
    desk.fetch()
    desk.ok("account", "set", account, "--folder", "Nowhere")
    desk.fetch(code=1)
    desk.ok("account", "set", account, "--folder", "INBOX")
    desk.fetch()
    with app.app_context(), transaction() as session:
        [outage] = session.query(Outage).all()
        assert outage.failed
        assert outage.began_at < outage.ended_at


def test_waiting_time_begins_where_the_mailbox_got_it(
    app: Flask, lead: FlaskClient, desk: Desk, mailbox: TestMailbox
) -> None:
    old = mail("old", headers=["Received: from a by b; Mon, 01 Jan 0001 00:00:00 +0000"])
    ahead = mail("ahead", headers=["Received: from a by b; Mon, 01 Jan 2035 00:00:00 +0000"])
    mailbox.deliver(arrived("late", 90), mail("untold"), old, ahead, mail("odd", headers=["Received: soon"]))
    desk.account(mailbox)
    desk.fetch()
    with app.app_context(), transaction() as session:
        waited = {row.subject: row.waited for row in session.query(InboundMail)}
        counted = sum(row.mails for row in session.query(WaitingHour))
    assert 5400 <= (waited["late"] or 0) < 5460
    assert (waited["untold"], waited["odd"], waited["ahead"]) == (None, None, 0)
    assert waited["old"] is None
    assert counted == 2
    assert "Waited 1 h 30 min" in words(lead.get("/mail/1").text)


def test_the_wall_shows_the_day_and_leads_nowhere(app: Flask, client: FlaskClient) -> None:
    add_morning(app, 20, 3)
    press(client, "/wall/create")
    wall = app.test_client().get(wall_of(client)).text
    assert "<title>3 of 20 accounts are not delivering mail · PostMaster</title>" in wall
    assert "favicon-fail.svg" in wall
    assert 'id="board" data-state="fail"' in wall
    assert wall.count('class="tile"') == 3
    assert "Not shown here: 17 healthy." in words(wall)
    assert re.findall(r"<a ", wall) == []
    assert "2026110100000" not in wall
    beat = app.test_client().get(f"{wall_of(client)}/board", headers=HTMX).text
    assert "<title>3 of 20 accounts are not delivering mail · PostMaster</title>" in beat
    assert re.search(r'id="favicon"[^>]*favicon-fail.svg[^>]*hx-swap-oob="true"', beat)
    desk_is_well(app)
    well = app.test_client().get(wall_of(client)).text
    assert "<title>All is well with 20 accounts · PostMaster</title>" in well
    assert "/favicon.svg" in well
    assert 'class="tile"' not in well


def desk_is_well(app: Flask) -> None:
    """Nothing fails any more."""
    for number in (1, 2, 3):
        tell_state(app, number, last_run_at=now(), last_success_at=now())


def test_programs_get_the_figures_too(app: Flask, lead: FlaskClient, desk: Desk) -> None:
    assert lead
    add_morning(app, 5, 1)
    today = desk.ok("status", "--json").json["today"]
    assert (today["new_tickets"], today["open_tickets"], today["undelivering"], today["accounts"]) == (3, 9, 1, 5)
    assert today["waited"]["half"] < today["waited"]["most"] <= 600
    assert "Tickets: 3 new, 9 open." in desk.ok("status").stdout
