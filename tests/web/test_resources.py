"""What the pages of all resources share, seen on the queues and the credentials."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from postmaster.accounts.models import Credential, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.database import transaction
from postmaster.desk.models import Queue, SystemAddress
from postmaster.extensions import now
from postmaster.resources.models import AuditEvent
from tests.support import Desk
from tests.web.conftest import HTMX, token_header
from tests.web.resource_support import fields_of, fill, fragment, labels, press_delete, queries_of, words
from tests.web.samples import add_quarantined
from tests.web.ticket_support import add_tickets

ADMIN_PAGES = ("/credentials", "/addresses", "/queues", "/settings", "/audit")
LISTS = (*ADMIN_PAGES, "/accounts", "/tickets", "/quarantine")


def add_rows(app: Flask, start: int, end: int) -> None:
    """Rows of every kind, the numbers from ``start`` to before ``end``."""
    numbers = range(start, end)
    common = {"revision": 1, "changed_at": now()}
    with app.app_context():
        sealed = seal("secret")
    with app.app_context(), transaction() as session:
        session.execute(insert(Queue), [{"id": 100 + n, "name": f"Queue {n:03}", **common} for n in numbers])
        session.execute(
            insert(Credential),
            [
                {"id": 100 + n, "name": f"c{n:03}", "username": "u", "sealed_password": sealed, **common}
                for n in numbers
            ],
        )
        session.execute(
            insert(SystemAddress),
            [{"address": f"a{n:03}@x.example", "name": "A", "queue_id": 100 + n, **common} for n in numbers],
        )
        session.execute(
            insert(MailAccount),
            [
                {"type": "IMAP", "host": "x", "credential_id": 100 + n, "queue_id": 100 + n, "created_at": now()}
                | common
                for n in numbers
            ],
        )
        session.execute(
            insert(AuditEvent),
            [{"actor": "a", "action": "add", "noun": "queue", "label": str(n), "detail": {}} for n in numbers],
        )
    add_tickets(app, count=len(numbers))
    add_quarantined(app, [f"mail {n:03}" for n in numbers])


def test_each_list_needs_as_many_queries_for_500_rows_as_for_10(app: Flask, client: FlaskClient) -> None:
    add_rows(app, 0, 10)
    few = {path: queries_of(app, client, path) for path in LISTS for _ in range(2)}  # the first pays for more
    add_rows(app, 10, 500)
    assert {path: queries_of(app, client, path) for path in LISTS} == few
    searched = {path: queries_of(app, client, f"{path}?q=0&page=3") for path in LISTS}
    assert {path: count for path, count in searched.items() if count > few[path] + 2} == {}


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_leads_do_not_see_it(lead: FlaskClient, path: str) -> None:
    assert lead.get(path).status_code == 403


@pytest.mark.parametrize("path", ["/queues/add", "/queues/1", "/queues/1/delete", "/addresses/add", "/credentials/1"])
def test_leads_change_nothing(lead: FlaskClient, path: str) -> None:
    assert lead.post(path, headers=token_header(lead)).status_code == 403


@pytest.mark.parametrize("path", ["/queues/add", "/queues/2", "/queues/2/delete"])
def test_nothing_changes_without_a_token(client: FlaskClient, desk: Desk, path: str) -> None:
    assert client.post(path, data={"name": "Other"}).status_code == 400
    assert "Other" not in desk.ok("queue", "list").stdout
    assert "Raw" in desk.ok("queue", "list").stdout


def test_the_filter_works_over_all_columns_and_in_any_case(client: FlaskClient, desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Vertrieb::ÄRGER", "--follow-up", "reject", "--comment", "About Orders")
    assert labels(client, "/queues?q=orders+VERTRIEB") == ["Vertrieb::ÄRGER"]
    assert labels(client, "/queues?q=ärger") == ["Vertrieb::ÄRGER"]
    assert labels(client, "/queues?q=reject") == ["Vertrieb::ÄRGER"]


@pytest.mark.parametrize("text", ["%", "_", "\\", "%00", "'", "nobody has this", "x" * 5000])
def test_the_filter_takes_any_text_as_it_is(client: FlaskClient, text: str) -> None:
    response = client.get("/queues", query_string={"q": text})
    assert response.status_code == 200
    assert "No queue matches" in response.text


def test_a_filter_that_finds_nothing_offers_all(client: FlaskClient) -> None:
    assert 'No queue matches “zzz”. <a href="/queues">Show all</a>' in client.get("/queues?q=zzz").text


def test_a_list_without_anything_says_what_it_is_for(client: FlaskClient) -> None:
    text = words(client.get("/credentials").text)
    assert "There are no credentials yet. An account signs in with a credential" in text
    assert "Add credential" in text


def test_headings_sort_and_turn_the_order_around(client: FlaskClient) -> None:
    names = labels(client, "/queues")
    assert names == sorted(names, key=str.casefold)
    assert labels(client, "/queues?sort=-name") == names[::-1]
    assert 'aria-sort="descending"' in client.get("/queues?sort=-name").text
    assert labels(client, "/queues?sort=nonsense") == names


@pytest.mark.parametrize(
    ("plural", "orders"),
    [
        ("credentials", ("update", "name", "kind", "username", "used", "validity")),
        ("addresses", ("address", "name", "queue", "validity")),
        ("queues", ("name", "follow_up", "used", "validity")),
    ],
)
def test_each_order_works_both_ways(app: Flask, client: FlaskClient, plural: str, orders: Sequence[str]) -> None:
    client.get("/queues")
    add_rows(app, 0, 3)
    for order in orders:
        there, back = (labels(client, f"/{plural}?sort={sign}{order}") for sign in ("", "-"))
        assert len(there) >= 3, order
        assert sorted(there) == sorted(back), order


def test_from_50_on_there_are_pages(app: Flask, client: FlaskClient) -> None:
    client.get("/credentials")
    add_rows(app, 0, 120)
    names = [f"c{n:03}" for n in range(120)]
    assert labels(client, "/credentials") == names[:50]
    assert labels(client, "/credentials?page=3") == names[100:]
    assert "101–120 of 120" in words(client.get("/credentials?page=3").text)
    assert labels(client, "/credentials?page=99&sort=-name") == names[:20][::-1]
    assert labels(client, "/credentials?q=c00&page=2") == names[:10]


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 5000])
def test_a_page_that_is_none_is_another_one(client: FlaskClient, page: str) -> None:
    assert labels(client, f"/queues?page={page}") == ["Junk", "Misc", "Postmaster", "Raw"]


def test_htmx_gets_the_part_that_changes_and_the_count(client: FlaskClient) -> None:
    part = fragment(client, "/queues?q=raw")
    assert part.count("<tbody id=") == 1
    assert 'id="queues-list-count" hx-swap-oob="innerHTML">1 of 4 queues' in part


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_htmx_gets_all_of_it_where_it_loads_a_page(client: FlaskClient, header: str) -> None:
    assert "<html" in client.get("/queues", headers={**HTMX, header: "true"}).text


def test_deleting_asks_in_the_row_and_keeps_the_state_of_the_list(client: FlaskClient, desk: Desk) -> None:
    row = fragment(client, "/queues/3/delete?q=junk&sort=-name")
    assert "Delete this queue?" in row
    assert 'hx-post="/queues/3/delete?q=junk&amp;sort=-name"' in row
    response = client.post("/queues/3/delete?q=junk", headers={**HTMX, **token_header(client)}, follow_redirects=True)
    assert "No queue matches “junk”" in response.text
    assert "The queue “Junk” is deleted." in response.text
    assert "Junk" not in desk.ok("queue", "list").stdout


def test_without_scripts_deleting_asks_on_a_page(client: FlaskClient) -> None:
    assert "Delete “Junk”?" in client.get("/queues/3/delete").text
    response = press_delete(client, "/queues/3/delete?sort=-name")
    assert (response.status_code, response.location) == (303, "/queues?sort=-name")


def test_what_is_gone_already_is_said(client: FlaskClient) -> None:
    press_delete(client, "/queues/3/delete")
    for path in ("/queues/3", "/queues/3/delete", "/queues/99"):
        response = client.get(path)
        assert response.status_code == 404
        assert "This queue no longer exists" in response.text
    response = client.post("/queues/3/delete", headers=token_header(client), follow_redirects=True)
    assert "This queue no longer exists" in response.text


def test_save_stays_and_save_and_finish_goes_back_to_the_list(client: FlaskClient) -> None:
    assert fill(client, "/queues/3?q=un", comment="a", then="stay").location == "/queues/3?q=un"
    assert fill(client, "/queues/3?q=un", comment="b", then="finish").location == "/queues?q=un"
    assert "The queue “Junk” is saved." in client.get("/queues").text


def test_saving_without_a_change_says_so(client: FlaskClient) -> None:
    fill(client, "/queues/3")
    assert "is unchanged" in client.get("/queues").text


def test_line_breaks_of_a_comment_survive_the_form(client: FlaskClient, desk: Desk) -> None:
    fill(client, "/queues/3", comment="one\r\ntwo")
    assert desk.ok("queue", "show", "Junk", "--json").json["comment"] == "one\ntwo"
    fill(client, "/queues/3")
    assert "is unchanged" in client.get("/queues").text


def test_each_field_that_is_refused_has_its_sentence_and_the_first_the_focus(client: FlaskClient) -> None:
    response = fill(client, "/addresses/add", address="nonsense", name="", queue="")
    assert response.status_code == 422
    text = words(response.text)
    assert "Not saved. 3 fields need your attention: E-mail Address , Display name , Queue" in text
    assert "E-mail Address is “nonsense”, which is not an e-mail address." in text
    assert "Display name is missing." in text
    [focused] = re.findall(r"<input[^>]* autofocus[^>]*>", response.text)
    assert 'id="address"' in focused
    assert 'href="#address"' in response.text
    assert 'aria-describedby="address-help address-error"' in response.text
    assert fields_of(response.text)["address"] == "nonsense"


def test_the_second_of_two_editors_is_told_what_changed(client: FlaskClient, desk: Desk) -> None:
    opened = fields_of(client.get("/queues/3").text)
    fill(client, "/queues/3", follow_up="reject", comment="first")
    response = client.post("/queues/3", data={**opened, "comment": "second"})
    assert response.status_code == 409
    text = words(response.text)
    assert "somebody else changed this queue meanwhile (admin, just now )" in text
    assert "Follow-up : “possible” → “reject”" in text
    assert "“Unwanted mail.” → “first”; you entered “second”" in text
    assert desk.ok("queue", "show", "Junk", "--json").json["comment"] == "first"


def test_saving_again_after_being_told_keeps_both_changes(client: FlaskClient, desk: Desk) -> None:
    opened = fields_of(client.get("/queues/3").text)
    fill(client, "/queues/3", follow_up="reject")
    told = client.post("/queues/3", data={**opened, "comment": "second"})
    assert client.post("/queues/3", data=fields_of(told.text)).status_code == 303
    saved = desk.ok("queue", "show", "Junk", "--json").json
    assert (saved["follow_up"], saved["comment"]) == ("reject", "second")


@pytest.mark.parametrize("seen", ["", "nonsense", "[1]", '["x", {}]', "[1, 2]", "[" * 3000])
def test_a_form_that_came_back_mangled_overwrites_nothing(client: FlaskClient, seen: str) -> None:
    assert fill(client, "/queues/3", comment="x", seen=seen).status_code == 409


def test_what_somebody_did_is_in_the_audit_log_under_the_own_name(client: FlaskClient) -> None:
    fill(client, "/queues/add", name="New")
    text = words(client.get("/audit").text)
    assert "admin add Queue New (5) Name: New" in text


@pytest.mark.parametrize("way", ["/accounts/add?draft=1", "/x"])
def test_adding_leads_back_to_where_it_was_asked_from(client: FlaskClient, way: str) -> None:
    response = fill(client, f"/queues/add?next={way.replace('?', '%3F')}", name="New & old")
    joint = "&" if "?" in way else "?"
    assert response.location == f"{way}{joint}queue=New+%26+old"


@pytest.mark.parametrize(
    "way", ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil.example", "evil", "javascript:x"]
)
def test_adding_never_leads_to_another_site(client: FlaskClient, way: str) -> None:
    response = fill(client, f"/queues/add?next={way}", name="New", then="finish")
    assert response.location.startswith("/queues")
    assert f'href="{way}"' not in client.get(f"/queues/add?next={way}").text
