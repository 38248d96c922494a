"""The pages of the quarantine."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from postmaster.database import read_session, transaction
from postmaster.extensions import db
from postmaster.ledger.models import Quarantine
from postmaster.pipeline import arrival
from postmaster.resources.models import AuditEvent
from tests.support import Desk, mail, refuse_title
from tests.web.conftest import HTMX, token_header, token_of
from tests.web.resource_support import fragment, labels, words
from tests.web.samples import HOSTILE, MAIL, add_quarantined, quarantine


def fill(app: Flask, *subjects: str) -> None:
    """Put messages with these subjects into quarantine; the first has the id 1."""
    for place, subject in enumerate(subjects, start=1):
        quarantine(app, mail(subject), None)
        with app.app_context(), transaction() as session:
            values = {"subject": subject, "label": f"account-{place}", "size": place * 1000}
            session.execute(update(Quarantine).where(Quarantine.id == place).values(**values))


def press(client: FlaskClient, *numbers: int, **fields: str) -> Any:
    """Press a button for those messages; returns the answer."""
    data = {"mail": [str(number) for number in numbers], **fields}
    return client.post("/quarantine/change", data=data, headers=token_header(client))


def told(client: FlaskClient, *numbers: int, **fields: str) -> str:
    """What the page says after that."""
    answer = press(client, *numbers, **fields)
    if answer.status_code == 422:
        return words(answer.text)
    assert answer.status_code == 303
    return words(client.get("/quarantine").text)


@pytest.fixture
def broken_reader(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A parser that stumbles over each message, until ``undo`` is called."""

    def parse(_raw: bytes) -> Any:
        raise ValueError("a flaw in the reader")

    monkeypatch.setattr(arrival, "parse_message", parse)
    return monkeypatch


def test_each_message_says_why_it_is_there(app: Flask, client: FlaskClient) -> None:
    fill(app, "Order 4711")
    page = words(client.get("/quarantine").text)
    assert "Order 4711 ada@example.net to account-1 Unreadable The message could not be read." in page
    [problem] = re.findall(r'<tr class="problem"><td colspan="6">.*?</tr>', client.get("/quarantine").text, re.DOTALL)
    assert words(problem).startswith("ValueError: <img")
    assert "1.0 kB" in page
    assert "1 message" in page


def test_it_is_filtered_sorted_and_narrowed_to_an_account(app: Flask, client: FlaskClient) -> None:
    fill(app, "bravo", "alpha", "charlie")
    found = {
        path: labels(client, f"/quarantine?{path}")
        for path in ("", "q=ALPHA", "q=could+not+be+read", "q=valueerror", "q=zzz", "account=account-3", "sort=mail")
    }
    everything = ["bravo", "alpha", "charlie"]
    assert found == {
        "": everything,
        "q=ALPHA": ["alpha"],
        "q=could+not+be+read": everything,
        "q=valueerror": everything,
        "q=zzz": [],
        "account=account-3": ["charlie"],
        "sort=mail": ["alpha", "bravo", "charlie"],
    }
    assert labels(client, "/quarantine?sort=-size") == ["charlie", "alpha", "bravo"]
    assert "1 of 3 messages</p>" in fragment(client, "/quarantine?q=alpha")


def test_one_is_looked_at_with_its_source_and_downloaded(app: Flask, client: FlaskClient) -> None:
    quarantine(app, MAIL.encode(), None)
    page = client.get("/quarantine/1").text
    assert "X-Strange: &lt;img src=x onerror" in page
    assert "<script>alert" not in page
    answer = client.get("/quarantine/1/download")
    assert answer.data == MAIL.encode()
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "attachment" in answer.headers["Content-Disposition"]


def test_retry_opens_the_tickets(app: Flask, desk: Desk, client: FlaskClient) -> None:
    fill(app, "one", "two", "three")
    assert re.search(r"2 messages left the quarantine: ticket \d+, ticket \d+\.", told(client, 1, 2, action="retry"))
    assert sorted(desk.titles()) == ["one", "two"]
    assert labels(client, "/quarantine") == ["three"]


def test_deliver_puts_them_into_a_queue_even_if_they_cannot_be_read(
    app: Flask, desk: Desk, client: FlaskClient, broken_reader: pytest.MonkeyPatch
) -> None:
    fill(app, "one", "two")
    assert "2 messages left the quarantine: ticket" in told(client, 1, 2, action="deliver", queue="Junk")
    assert [ticket["queue"] for ticket in desk.tickets()] == ["Junk", "Junk"]
    broken_reader.undo()
    for ticket in desk.tickets():
        assert client.get(f"/tickets/{ticket['number']}").status_code == 200


def test_deleting_asks_first(app: Flask, desk: Desk, client: FlaskClient) -> None:
    fill(app, "one", "two", "three")
    asked = press(client, 1, 2, action="delete")
    assert asked.status_code == 200
    page = words(asked.text)
    assert "Delete 2 messages for good?" in page
    assert "No copy is left on the mail server." in page
    assert "one, from ada@example.net to account-1" in page
    assert labels(client, "/quarantine") == ["one", "two", "three"]
    assert "2 messages deleted for good: message 1, message 2." in told(client, 1, 2, action="delete", confirmed="yes")
    assert labels(client, "/quarantine") == ["three"]
    assert desk.tickets() == []


def hidden(page: str) -> dict[str, str]:
    """What the form of a page sends along."""
    forms = "".join(re.findall(r"<form.*?</form>", page, re.DOTALL))
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', forms))


def test_all_that_a_filter_finds_is_chosen_and_nothing_that_came_later(
    app: Flask, desk: Desk, client: FlaskClient
) -> None:
    add_quarantined(app, ["storm"] * 60, mail("storm"))
    add_quarantined(app, ["other"], mail("other"))
    page = client.get("/quarantine?q=storm&all=").text
    assert "The 50 messages on this page are selected. Select all 60 messages" in words(page)
    chosen = hidden(client.get("/quarantine?q=storm&all=found").text)
    add_quarantined(app, ["late storm"], mail("late"))
    asked = client.post(
        "/quarantine/change?q=storm", data={**chosen, "action": "delete"}, headers=token_header(client)
    ).text
    assert "Delete 60 messages for good?" in words(asked)
    assert "and 10 more" in words(asked)
    client.post("/quarantine/change?q=storm", data=hidden(asked), headers=token_header(client))
    assert "60 messages deleted for good." in words(client.get("/quarantine").text)
    assert labels(client, "/quarantine") == ["other", "late storm"]
    assert desk.tickets() == []


def test_a_storm_is_ended_by_a_filter_and_a_retry(desk: Desk, client: FlaskClient, lead: FlaskClient) -> None:
    desk.ok("setting", "set", "TicketsPerSenderHour", "1")
    for number in range(4):
        desk.ok("read", input=mail(f"alarm {number}"))
    page = client.get("/quarantine?all=found").text
    assert "Mail storm: a sender reached the limit" in page
    assert "Mail storm: a sender reached the limit" not in lead.get("/quarantine").text
    desk.ok("filter", "add", "--name", "alarms", "--match", "Subject=^alarm", "--set", "X-OTRS-Ignore=yes")
    press(client, action="retry", newest=hidden(page)["newest"])
    assert "3 messages left the quarantine." in words(client.get("/quarantine").text)
    ignored = desk.ok("mail", "find", "--outcome", "ignored", "--json").json_lines
    assert (len(ignored), len(desk.tickets())) == (3, 1)


def test_what_does_not_fit_into_a_request_goes_on_with_the_next(
    app: Flask, desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postmaster.web.quarantine.ACTION_SECONDS", 0.0)
    monkeypatch.setattr("postmaster.ledger.quarantine.HOLDING", 60)
    add_quarantined(app, ["one"], mail("one"))
    add_quarantined(app, ["storm"] * 50, mail("storm"))
    assert "The 1 message on this page is selected." in words(client.get("/quarantine?page=2&all=").text)
    add_quarantined(app, ["storm"] * 10, mail("storm"))
    refuse_title(app, "one")
    chosen = {**hidden(client.get("/quarantine?all=found").text), "action": "retry"}
    going = client.post("/quarantine/change", data=chosen, headers=token_header(client)).text
    assert "50 of 61 messages are done." in words(going)
    client.post("/quarantine/change", data=hidden(going), headers=token_header(client))
    page = words(client.get("/quarantine").text)
    assert "60 messages left the quarantine." in page
    assert "Still in quarantine: 1 message." in page
    assert len(desk.tickets()) == 60


def test_refusals_say_why_for_which_message_and_do_not_keep_others_from_it(
    app: Flask, desk: Desk, client: FlaskClient, broken_reader: pytest.MonkeyPatch
) -> None:
    fill(app, "one", "two")
    page = told(client, 1, 999, action="retry")
    assert "Message 1: The message 1 still cannot be read: ValueError('a flaw in the reader')." in page
    assert "Message 999: There is no message 999 in quarantine." in page
    broken_reader.undo()
    page = told(client, 999, 2, action="retry")
    assert "1 of 2 messages left the quarantine: ticket" in page
    assert "Still in quarantine. Message 999" in page
    assert list(desk.titles()) == ["two"]


def test_what_the_database_refuses_again_is_told(app: Flask, client: FlaskClient, desk: Desk) -> None:
    fill(app, "one", "two")
    refuse_title(app, "one")
    page = told(client, 1, 2, action="retry")
    assert "Message 1: The message 1 still cannot be stored: " in page
    assert "ada@example.net, null" not in page
    assert list(desk.titles()) == ["two"]


@pytest.mark.parametrize(
    ("numbers", "fields", "sentence"),
    [
        ((), {"action": "retry"}, "Choose at least one message first."),
        ((), {"action": "delete"}, "Choose at least one message first."),
        ((1,), {"action": "deliver"}, "Choose the queue first."),
        ((1,), {"action": "deliver", "queue": "Nowhere"}, "Message 1: There is no queue “Nowhere”."),
        ((1,), {"action": "deliver", "queue": "Junk"}, "Message 1: The queue “Junk” is invalid"),
        ((1,), {}, "Choose what to do with them"),
        ((2**70,), {"action": "retry"}, "What was chosen is not a message."),
        ((), {"action": "retry", "newest": "-1"}, "Choose at least one message first."),
    ],
)
def test_what_is_refused_is_said_and_changes_nothing(
    app: Flask, desk: Desk, client: FlaskClient, numbers: tuple[int, ...], fields: dict[str, str], sentence: str
) -> None:
    desk.ok("queue", "set", "Junk", "--validity", "invalid")
    fill(app, "one")
    assert sentence in told(client, *numbers, **fields)
    assert labels(client, "/quarantine") == ["one"]


def ticked(page: str) -> list[str]:
    """The messages that are ticked."""
    return re.findall(r'name="mail" value="(\d+)" form="chosen"[^>]* checked', page)


def test_a_refusal_keeps_what_was_chosen(app: Flask, client: FlaskClient) -> None:
    fill(app, "one", "two", "three")
    answer = press(client, 1, 3, action="deliver")
    assert (answer.status_code, ticked(answer.text)) == (422, ["1", "3"])
    assert "<option selected>Misc</option>" in press(client, 1, queue="Misc").text
    all_found = press(client, action="deliver", newest="3").text
    assert (ticked(all_found), hidden(all_found)["newest"]) == (["1", "2", "3"], "3")


def test_what_stays_in_quarantine_stays_ticked(app: Flask, client: FlaskClient) -> None:
    fill(app, "one", "two", "three")
    refuse_title(app, "one")
    answer = press(client, 1, 2, action="retry")
    assert (answer.status_code, ticked(answer.text)) == (422, ["1"])


def test_everything_is_in_the_audit_log(app: Flask, client: FlaskClient) -> None:
    fill(app, "one", "two", "three")
    press(client, 1, action="retry")
    press(client, 2, action="deliver", queue="Misc")
    press(client, 3, action="delete", confirmed="yes")
    with app.app_context():
        events = db.session.scalars(select(AuditEvent).where(AuditEvent.noun == "quarantine")).all()
    assert [(event.actor, event.action, event.label) for event in events] == [
        ("admin", "retry", "1 (account-1)"),
        ("admin", "deliver", "2 (account-2)"),
        ("admin", "delete", "3 (account-3)"),
    ]


def test_htmx_asks_in_the_row_and_gets_the_list_afterwards(app: Flask, client: FlaskClient) -> None:
    fill(app, "one", "two")
    row = fragment(client, "/quarantine/1?ask=delete&q=one")
    assert row.count("<tbody") == 1
    assert "Delete for good? No copy is left on the mail server." in row
    assert 'hx-post="/quarantine/change?q=one"' in row
    assert "Junk" in fragment(client, "/quarantine/1?ask=deliver")
    headers = {**HTMX, **token_header(client)}
    data = {"mail": "1", "action": "delete", "confirmed": "yes"}
    answer = client.post("/quarantine/change", data=data, headers=headers, follow_redirects=True)
    assert "<html" not in answer.text
    assert "1 message deleted for good" in answer.text
    assert 'id="mail-2"' in answer.text


def test_without_scripts_a_message_has_its_buttons_on_its_page(app: Flask, client: FlaskClient) -> None:
    fill(app, "one")
    page = client.get("/quarantine/1?ask=deliver").text
    assert re.findall(r'name="action" value="(\w+)"', page) == ["retry", "deliver", "delete"]


def test_leads_look_and_change_nothing(app: Flask, lead: FlaskClient) -> None:
    fill(app, "one")
    assert labels(lead, "/quarantine") == ["one"]
    for path in ("/quarantine", "/quarantine/1", "/quarantine/1?ask=delete"):
        page = lead.get(path).text + lead.get(path, headers=HTMX).text
        assert "Deliver" not in page
        assert 'value="delete"' not in page
    assert press(lead, 1, action="delete", confirmed="yes").status_code == 403
    assert labels(lead, "/quarantine") == ["one"]


def test_what_is_gone_already_is_said(app: Flask, client: FlaskClient) -> None:
    fill(app, "one")
    press(client, 1, action="retry")
    for path in ("/quarantine/1", "/quarantine/1/download", "/quarantine/99"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "Somebody may have dealt with it already" in answer.text


@pytest.mark.parametrize("fields", [{"action": "delete", "confirmed": "yes"}, {"action": "retry"}])
def test_a_page_left_open_does_not_reach_the_message_that_came_after_the_one_it_shows(
    app: Flask, client: FlaskClient, desk: Desk, fields: dict[str, str]
) -> None:
    fill(app, "shown")
    press(client, 1, action="delete", confirmed="yes")
    quarantine(app, mail("came later"), None)
    press(client, 1, **fields)
    assert client.get("/quarantine/1").status_code == 404
    assert client.get("/quarantine/2").status_code == 200
    assert desk.tickets() == []


def test_the_navigation_counts_what_waits(app: Flask, client: FlaskClient) -> None:
    assert "tally" not in client.get("/status").text
    fill(app, "one", "two")
    assert 'class="tally fail">2<' in client.get("/status").text
    add_quarantined(app, ["more"] * 98)
    assert 'class="tally fail">99+<' in client.get("/status").text


def test_an_empty_quarantine_and_a_filter_that_finds_nothing_say_so(app: Flask, client: FlaskClient) -> None:
    assert "Nothing is in quarantine." in client.get("/quarantine").text
    fill(app, "one")
    assert "No message matches “zzz”." in client.get("/quarantine?q=zzz").text
    assert "Nothing from this account is in quarantine." in client.get("/quarantine?account=x").text


def test_hostile_words_are_shown_as_text(app: Flask, client: FlaskClient) -> None:
    fill(app, "one")
    with app.app_context(), transaction() as session:
        session.execute(
            update(Quarantine).values(subject=HOSTILE, sender=HOSTILE, label=HOSTILE, error=HOSTILE, reason="<b>")
        )
    pages = ("/quarantine", "/quarantine/1", "/quarantine?q=<script>", "/quarantine?account=<script>alert(1)</script>")
    texts = [client.get(path).text for path in pages] + [press(client, 1, action="delete").text]
    for page in texts:
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert "<b>" not in page


def test_messages_with_the_same_cause_are_retried_together(desk: Desk, client: FlaskClient) -> None:
    desk.ok("setting", "set", "TicketsPerSenderHour", "1")
    for number in range(4):
        desk.ok("read", input=mail(f"alarm {number}", sender="storm@example.net"))
    for number in range(2):
        desk.ok("read", input=mail(f"other {number}", sender="other@example.net"))
    page = client.get("/quarantine").text
    assert "3 messages by pipe: Sender over the limit" in words(page)
    assert page.count("Retry all") == 2  # its label, and what it says: one other message is no group
    action = html.unescape(re.search(r'<form method="post" action="([^"]*like=[^"]*)"', page)[1])  # type: ignore[index]
    assert labels(client, action.replace("/change", "")) == ["alarm 1", "alarm 2", "alarm 3"]
    newest = re.search(r'name="newest"\s+value="(\d+)"', page)[1]  # type: ignore[index]
    sent = {"action": "retry", "newest": newest, "csrf_token": token_of(page)}
    told = words(client.post(action, data=sent, follow_redirects=True).text)
    assert "3 messages left the quarantine." in told
    assert labels(client, "/quarantine") == ["other 1"]
    assert "Nothing for that cause is in quarantine." in words(client.get(action.replace("/change", "")).text)


def test_a_message_is_read_beside_its_source(desk: Desk, client: FlaskClient) -> None:
    desk.ok("setting", "set", "TicketsPerSenderHour", "1")
    for number in range(2):
        body = "Gr=C3=BC=C3=9Fe aus K=C3=B6ln"
        headers = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"]
        desk.ok("read", input=mail(f"alarm {number}", body=body, headers=headers))
    told = words(client.get("/quarantine/1").text)
    assert "Grüße aus Köln" in told
    assert "Gr=C3=BC=C3=9Fe" in told


def test_a_filter_is_made_from_a_message(app: Flask, desk: Desk, client: FlaskClient) -> None:
    desk.ok("setting", "set", "TicketsPerSenderHour", "1")
    for _ in range(2):
        desk.ok("read", input=mail("Disk full (on /srv)? [5.2]", sender="storm@example.net"))
    with app.app_context(), read_session() as session:
        raw_id = session.scalars(select(Quarantine.raw_id)).one()
    page = html.unescape(client.get(f"/filters/add?recent={raw_id}").text)
    assert 'value="EMAILADDRESS:storm@example.net"' in page
    pattern = re.search(r'value="(Disk full[^"]*)"', page)
    assert pattern is not None
    assert re.fullmatch(pattern[1], "Disk full (on /srv)? [5.2]")
    assert client.get("/filters/add?recent=999999").status_code == 200
