"""The list of tickets, and what is done with chosen ones."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from sqlalchemy.engine import Connection

from postmaster.extensions import db
from postmaster.resources import keyset
from postmaster.resources.models import AuditEvent
from tests.support import Desk, mail
from tests.web.conftest import HTMX, add, signed_in, token_header
from tests.web.resource_support import fragment, labels, queries_of, words
from tests.web.samples import HOSTILE
from tests.web.ticket_support import FIRST, add_tickets, opened


def chosen(client: FlaskClient, *numbers: str, path: str = "/tickets/change", **fields: str) -> Any:
    """Press a button for those tickets; returns the answer."""
    return client.post(path, data={"ticket": list(numbers), **fields}, headers=token_header(client))


def told(client: FlaskClient, *numbers: str, **fields: str) -> str:
    """What the page says after that."""
    answer = chosen(client, *numbers, **fields)
    return words(answer.text if answer.status_code == 422 else client.get("/tickets").text)


def test_the_newest_stands_first(app: Flask, client: FlaskClient) -> None:
    add_tickets(app, count=3)
    assert labels(client, "/tickets") == ["ticket 3", "ticket 2", "ticket 1"]


FILTERS = {
    "q=PRINTER": ["Printer on fire"],
    "q=fire+printer": ["Printer on fire"],
    "q=fire+water": [],
    f"q={FIRST + 1}": ["Printer on fire"],
    f"q=+{FIRST + 1}+": ["Printer on fire"],
    f"q={str(FIRST + 1)[:8]}": ["ticket 3", "Ärger", "Printer on fire"],
    "q=ärger": ["Ärger"],
    "q=bob@EXAMPLE.net": ["Ärger"],
    "q=bob@exam": ["Ärger"],
    "q=Babbage": ["Ärger"],
    "q=customer-7": ["ticket 3"],
    "queue=Misc": ["Ärger"],
    "queue=misc": [],
    "queue=Nowhere": [],
    "state=open": ["ticket 3"],
    "queue=Raw&state=open&q=ticket": ["ticket 3"],
    "queue=Misc&state=open": [],
    "before=2": ["Printer on fire"],
    "before=x": ["ticket 3", "Ärger", "Printer on fire"],
    "before=" + "9" * 30: ["ticket 3", "Ärger", "Printer on fire"],
    "before=-" + "9" * 30: ["ticket 3", "Ärger", "Printer on fire"],
    "q=%00&queue=%00&state=%00": [],
    "q=%25": [],
}


def test_it_is_filtered_by_number_title_sender_queue_and_state(app: Flask, client: FlaskClient) -> None:
    bob = {"sender_name": "Bob Babbage", "sender_address": "bob@example.net", "queue": "Misc", "title": "Ärger"}
    add_tickets(app, {"title": "Printer on fire"}, bob, {"state": "open", "customer_user": "customer-7"})
    assert {query: labels(client, f"/tickets?{query}") for query in FILTERS} == FILTERS


def test_older_tickets_are_a_page_further(app: Flask, client: FlaskClient) -> None:
    add_tickets(app, count=120)
    seen, path = [], "/tickets?state=new"
    while path:
        page = client.get(path).text
        seen += [int(name.removeprefix("ticket ")) for name in labels(client, path)]
        link = re.search(r'id="page-older"[^>]* href="([^"]*)"', page)
        path = html.unescape(link[1]) if link else ""
    assert seen == list(range(120, 0, -1))
    assert 'id="page-newest" class="button secondary small" href="/tickets?state=new"' in page


def test_words_are_looked_for_a_stretch_at_a_time(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "STRETCH", 10)
    add_tickets(app, {"title": "needle"}, count=30)
    path = "/tickets?q=needle"
    for _ in range(3):
        page = client.get(path).text
        assert "Older ones have not been searched yet" in words(page)
        link = re.search(r'id="page-older"[^>]* href="([^"]*)"', page)
        assert link
        path = html.unescape(link[1])
    assert labels(client, path) == ["needle"]
    assert "page-older" not in client.get(path).text


def test_a_whole_number_or_address_is_found_however_old(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "STRETCH", 10)
    add_tickets(app, {"title": "needle", "sender_address": "needle@example.net"}, count=30)
    assert labels(client, f"/tickets?q={FIRST + 1}") == ["needle"]
    assert labels(client, "/tickets?q=Needle@example.net") == ["needle"]
    assert labels(client, "/tickets?q=Needle@example.net&state=open") == []


def test_htmx_gets_the_list_alone(app: Flask, client: FlaskClient) -> None:
    add_tickets(app, {"title": "needle"}, count=2)
    part = fragment(client, "/tickets?q=needle")
    assert part.count('<tr id="ticket-') == 1
    assert 'id="tickets-list-count"' in part


def test_an_empty_list_and_a_filter_that_finds_nothing_say_so(app: Flask, client: FlaskClient) -> None:
    assert "No tickets yet." in client.get("/tickets").text
    add_tickets(app, count=1)
    assert "No ticket matches." in client.get("/tickets?q=zzz").text


def test_the_sender_of_a_mail_is_who_a_ticket_is_from(desk: Desk, client: FlaskClient) -> None:
    opened(desk, raw=b"From: Ada Lovelace <Ada@Example.net>\nSubject: hello\n\nHi")
    opened(desk, raw=b"Subject: from nobody\n\nHi")
    assert labels(client, "/tickets?q=ada@example.net") == ["hello"]
    assert labels(client, "/tickets?q=lovelace") == ["hello"]
    assert "from nobody" in labels(client, "/tickets")


def test_a_ticket_shows_the_verdict_on_its_sender_and_the_tickets_with_the_same_message(
    desk: Desk, client: FlaskClient
) -> None:
    desk.ok("setting", "set", "TrustedAuthservIds", "mx.desk.example")
    result = "Authentication-Results: mx.desk.example; dmarc=fail header.from=example.net"
    raw = mail("forged", headers=[result, "Precedence: list"])
    first = desk.ok("read", "--json", input=raw).json["ticket"]
    second = desk.ok("read", "--json", input=b"Delivered-To: info@desk.example\r\n" + raw).json["ticket"]
    for own, other in ((first, second), (second, first)):
        shown = words(client.get(f"/tickets/{own}").text)
        assert "Sender not genuine" in shown
        assert "example.net . It does not come from the domain that it names: do not trust it." in shown
        assert "DMARC fail, ARC none, by mx.desk.example" in shown
        assert "Mail from a mailing list" in shown
        assert f"Same message as {other}" in shown


def test_a_ticket_shows_the_dynamic_fields_of_its_articles(desk: Desk, client: FlaskClient) -> None:
    desk.ok("setting", "set", "Article::DynamicFields", "Tone")
    raw = mail("hello", headers=["X-OTRS-DynamicField-Tone: <b>friendly</b>"])
    number = desk.ok("read", "--json", "--trusted", input=raw).json["ticket"]
    assert "Subject hello Tone <b>friendly</b>" in html.unescape(words(client.get(f"/tickets/{number}").text))


def test_chosen_tickets_are_moved_and_nothing_else_is(app: Flask, desk: Desk, client: FlaskClient) -> None:
    one, two, three = (opened(desk) for _ in range(3))
    text = told(client, one, two, action="move", queue="Misc", state="open")
    assert f"2 tickets were moved to “Misc”: {one} from “Raw”, {two} from “Raw”." in text
    assert {row["number"]: (row["queue"], row["state"]) for row in desk.tickets()} == {
        one: ("Misc", "new"),
        two: ("Misc", "new"),
        three: ("Raw", "new"),
    }
    with app.app_context():
        events = db.session.scalars(select(AuditEvent).where(AuditEvent.noun == "ticket")).all()
        assert [(each.actor, each.label, each.detail) for each in events] == [
            ("admin", number, {"queue": ["Raw", "Misc"]}) for number in (one, two)
        ]


def test_a_state_is_set_where_it_is_another_one(desk: Desk, client: FlaskClient) -> None:
    one, two = opened(desk), opened(desk)
    assert "1 ticket was set to “open”" in told(client, one, action="set-state", state="open")
    assert "1 of 2 tickets was set to “open”" in told(client, one, two, action="set-state", state="open")
    assert "No changes." in told(client, one, two, action="set-state", state="open")


def test_tickets_are_merged_and_each_says_where_the_other_is(desk: Desk, client: FlaskClient) -> None:
    one, two, main = (opened(desk) for _ in range(3))
    text = told(client, one, two, action="merge", into=f" {main} ")
    assert f"2 tickets were merged into {main}: {one} from “new”, {two} from “new”." in text
    assert f"Merged into {main}" in words(client.get(f"/tickets/{one}").text)
    page = client.get(f"/tickets/{main}").text
    assert f"Merged from {one} , {two}" in words(page) or f"Merged from {one}, {two}" in words(page)
    assert page.count('class="message"') == 3
    assert "No changes." in told(client, one, action="merge", into=main)


def test_tickets_are_dispatched_again(desk: Desk, client: FlaskClient) -> None:
    number = opened(desk, to="orders@example.org")
    assert "No changes." in told(client, number, action="dispatch")
    desk.ok("address", "add", "--address", "orders@example.org", "--name", "Orders", "--queue", "Misc")
    assert "1 ticket was dispatched to another queue" in told(client, number, action="dispatch")
    page = words(client.get(f"/tickets/{number}").text)
    assert "Dispatched again Again, by admin." in page
    assert "Misc: The address it was sent to is linked with this queue." in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"action": "move", "queue": ""}, "Choose the queue first."),
        ({"action": "move", "queue": "Nowhere"}, "There is no queue “Nowhere”."),
        ({"action": "move", "queue": "Junk"}, "The queue “Junk” is invalid"),
        ({"action": "set-state"}, "Choose the state first."),
        ({"action": "set-state", "state": HOSTILE}, "State is “<img src=x"),
        ({"action": "merge"}, "Enter the number of the ticket to merge into first."),
        ({"action": "merge", "into": "7"}, "There is no ticket “7”."),
        ({"action": "burn"}, "Choose what to do with them"),
        ({}, "Choose what to do with them"),
        ({"action": "move", "queue": "Misc", "ticket": ()}, "Choose at least one ticket first."),
        ({"action": "move", "queue": "Misc", "ticket": ("7", "\0")}, "There are no tickets “7”"),
    ],
)
def test_a_refusal_says_why_and_changes_no_ticket(
    desk: Desk, client: FlaskClient, fields: dict[str, Any], sentence: str
) -> None:
    desk.ok("queue", "set", "Junk", "--validity", "invalid")
    number = opened(desk)
    numbers = fields.pop("ticket", (number,))
    page = told(client, *((number, *numbers) if numbers else ()), **fields)
    assert f"Nothing was changed. {sentence}" in page
    assert [(row["queue"], row["state"]) for row in desk.tickets()] == [("Raw", "new")]


def test_a_refusal_keeps_what_was_chosen(app: Flask, client: FlaskClient) -> None:
    add_tickets(app, count=3)
    rows = r'value="(\d+)" form="chosen"[^>]*>'
    first, _, third = re.findall(rows, client.get("/tickets").text)
    answer = chosen(client, first, third, action="move", state="open")
    ticked = [
        number for number in (first, third) if re.search(rf'value="{number}" form="chosen"[^>]* checked', answer.text)
    ]
    assert (answer.status_code, ticked, answer.text.count(" checked")) == (422, [first, third], 2)
    assert "<option selected>open</option>" in answer.text


def test_after_a_change_the_list_is_as_it_was(desk: Desk, client: FlaskClient) -> None:
    number = opened(desk)
    path = "/tickets/change?q=hello&state=new&before=7"
    answer = chosen(client, number, path=path, action="move", queue="Misc")
    assert (answer.status_code, answer.location) == (303, "/tickets?q=hello&state=new&before=7")
    back = chosen(client, number, path=f"/tickets/change?next=/tickets/{number}", action="move", queue="Raw")
    assert back.location == f"/tickets/{number}"
    form = re.search(r'<form class="bulk"[^>]*>', client.get("/tickets?q=hello").text)
    assert form
    assert 'hx-post="/tickets/change?q=hello"' in form[0]


def test_all_that_are_shown_can_be_selected_without_scripts(app: Flask, client: FlaskClient) -> None:
    add_tickets(app, count=3)
    page = client.get("/tickets").text
    link = re.search(r'id="choose-all" href="([^"]*)"', page)
    assert link
    assert page.count(" checked") == 0
    assert client.get(html.unescape(link[1])).text.count(" checked") == 3


def test_leads_look_and_change_nothing(desk: Desk, lead: FlaskClient) -> None:
    number = opened(desk)
    assert labels(lead, "/tickets") == ["hello"]
    for path in ("/tickets", f"/tickets/{number}"):
        page = lead.get(path).text
        assert "Dispatch again" not in page
        assert 'type="checkbox"' not in page
    assert chosen(lead, number, action="move", queue="Misc").status_code == 403
    assert chosen(lead, number, action="merge", into=number).status_code == 403
    assert desk.tickets()[0]["queue"] == "Raw"


def test_htmx_gets_the_list_and_what_there_is_to_say(desk: Desk, client: FlaskClient) -> None:
    number = opened(desk)
    headers = {**HTMX, **token_header(client)}
    data = {"ticket": number, "action": "move", "queue": "Misc"}
    answer = client.post("/tickets/change?q=hello", data=data, headers=headers, follow_redirects=True)
    assert "<html" not in answer.text
    assert "1 ticket was moved to “Misc”" in words(answer.text)
    assert f'id="ticket-{number}"' in answer.text


def test_hostile_words_are_shown_as_text(app: Flask, client: FlaskClient) -> None:
    hostile = dict.fromkeys(("title", "sender_name", "sender_address", "state", "priority", "service"), HOSTILE)
    add_tickets(app, hostile)
    for path in ("/tickets", f"/tickets/{FIRST + 1}", "/tickets?q=<script>&queue=<script>&state=<script>"):
        page = client.get(path).text
        assert "<img src=x" not in page
        assert "<script>alert" not in page


@pytest.mark.parametrize("path", ["/tickets", "/tickets?queue=Raw&state=new", "/tickets?q=ticket", "/tickets?q=1@x"])
def test_the_list_needs_as_many_queries_for_500_tickets_as_for_10(app: Flask, client: FlaskClient, path: str) -> None:
    add_tickets(app, count=10)
    client.get(path)
    few = queries_of(app, client, path)
    add_tickets(app, count=490)
    assert queries_of(app, client, path) == few


@pytest.mark.database("sqlite", "postgresql")
class TestPlans:
    """How the database finds a page among 20,000 tickets."""

    @pytest.fixture
    def client(self, app: Flask) -> FlaskClient:
        """The browser of an admin, with tickets of which the database knows how they are spread."""
        add(app, "admin")
        for _ in range(20):
            busy = {"state": "closed successful", "queue": "Misc", "sender_address": "bob@example.net"}
            add_tickets(app, *([busy] * 950), count=50)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("ANALYZE"))
        return signed_in(app, "admin")

    def test_each_page_is_read_through_an_index(self, app: Flask, client: FlaskClient) -> None:
        unsorted = ("", "before=9000", "queue=Misc&before=9000", "state=new", "queue=Misc&state=new")
        rare = ("queue=Raw", "queue=Raw&state=closed+successful", "q=bob@example.net", "q=ada@example.net")
        for query in (*unsorted, *rare):
            plan = "\n".join(explained(app, client, f"/tickets?{query}"))
            assert not re.search(r"Seq Scan on ticket|Sort|SCAN ticket|TEMP B-TREE", plan), plan
            assert "ticket" in plan
        for query in (f"q={FIRST + 10_000}", "q=zzz", "q=zzz&queue=Raw"):
            plan = "\n".join(explained(app, client, f"/tickets?{query}"))
            assert not re.search(r"Seq Scan on ticket|SCAN ticket(?! USING)", plan), plan


def explained(app: Flask, client: FlaskClient, path: str) -> list[str]:
    """The plan of each statement about tickets that the page at ``path`` needs."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if "FROM ticket" in statement:
            seen.append((statement, parameters))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    assert client.get(path).status_code == 200
    event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        return [line for statement, parameters in seen for line in _explain(connection, statement, parameters)]


def _explain(connection: Connection, statement: str, parameters: Any) -> list[str]:
    word = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    rows = connection.exec_driver_sql(f"{word} {statement}", parameters)
    return [str(row[-1]) for row in rows]


def test_all_of_a_ticket_is_changed_in_one_form(desk: Desk, client: FlaskClient) -> None:
    desk.ok("setting", "set", "Ticket::Owners", "ada; bob=7")
    number = opened(desk)
    page = client.get(f"/tickets/{number}").text
    assert re.findall(r'id="change-(\w+)"', page) == ["title", "queue", "state", "priority", "owner", "lock"]
    fields = {"queue": "Misc", "state": "open", "priority": "", "owner": "BOB", "lock": "lock"}
    text = told(client, number, action="set", **fields)
    assert (
        "Changed: queue from “Raw” to “Misc”, owner from “–” to “bob”, lock from “unlock” to “lock”, "
        "state from “new” to “open”." in text
    )
    assert "No changes." in told(client, number, action="set", owner="")
    assert "Changed: owner from “bob” to “–”." in told(client, number, action="set", owner="–")


def test_what_somebody_else_changed_meanwhile_stays(desk: Desk, client: FlaskClient) -> None:
    number = opened(desk)
    assert client.get(f"/tickets/{number}").status_code == 200
    desk.ok("ticket", "set", number, "--queue", "Misc")
    told(client, number, action="set", state="open", queue="")
    [row] = desk.tickets()
    assert (row["queue"], row["state"]) == ("Misc", "open")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"priority": "9 huge"}, "Priority is “9 huge”, but must be 1 very low"),
        ({"owner": "ada"}, "There is nothing to choose from for Owner."),
        ({"lock": HOSTILE}, "Lock is “"),
        ({"priority": "–"}, "Priority is missing."),
    ],
)
def test_a_word_that_there_is_not_changes_nothing(
    desk: Desk, client: FlaskClient, fields: dict[str, str], sentence: str
) -> None:
    number = opened(desk)
    before = desk.tickets()
    assert sentence in told(client, number, action="set", queue="Misc", **fields)
    assert desk.tickets() == before


def test_the_list_says_what_is_new_and_moves_no_row(app: Flask, desk: Desk, client: FlaskClient) -> None:
    opened(desk, subject="old order")
    page = client.get("/tickets?q=order").text
    after = re.search(r'name="after" value="(\d+)"', page)
    assert after is not None
    assert 'hx-get="/tickets/news?' in page
    assert 'id="tickets-news"' not in fragment(client, f"/tickets/news?q=order&after={after[1]}")
    opened(desk, subject="new order")
    opened(desk, "--queue", "Misc", subject="other")
    told = fragment(client, f"/tickets/news?q=order&after={after[1]}")
    assert "1 new ticket —" in words(told)
    assert 'href="/tickets?q=order"' in told
    assert "<tr" not in told
    assert 'id="tickets-news"' not in fragment(client, f"/tickets/news?q=order&after={after[1]}&announced=1")
    assert "2 new tickets —" in words(fragment(client, f"/tickets/news?after={after[1]}"))
    assert "1 new ticket —" in words(fragment(client, f"/tickets/news?after={after[1]}&queue=Misc"))
    assert 'name="after"' not in client.get("/tickets?before=2").text
    add_tickets(app, count=120)
    assert "Over 99 new tickets —" in words(fragment(client, f"/tickets/news?after={after[1]}"))
