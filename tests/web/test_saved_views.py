"""Filtering the accounts by health and tag, and keeping such a list as a view."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import Desk
from tests.web.conftest import add, signed_in, token_of
from tests.web.resource_support import add_credential, fragment, labels, words


@pytest.fixture
def tagged(desk: Desk) -> None:
    """Two accounts with tags, and one without a credential."""
    for name, tags in (("ada", "VIP, west"), ("berta", "west wing; büro")):
        add_credential(desk, name)
        desk.add_account(type="IMAP", host=f"{name}.example", credential=name, tags=tags)
    desk.add_account(type="IMAP", host="carla.example")


def save(client: FlaskClient, path: str, name: str, **fields: str) -> str:
    """Save the list at ``path``; returns the words of the page that follows."""
    page = client.get(path).text
    address = path.replace("/accounts", "/accounts/views", 1)
    data = {"csrf_token": token_of(page), "name": name, **fields}
    return words(client.post(address, data=data, follow_redirects=True).text)


# What is asked for, and which accounts that finds.
ASKED: dict[str, list[str]] = {
    "tag=vip": ["ada@ada.example"],
    "tag=VIP": ["ada@ada.example"],
    "tag=west": ["ada@ada.example"],
    "tag=west+wing": ["berta@berta.example"],
    "tag=b%C3%BCro": ["berta@berta.example"],
    "tag=%25": [],
    "tag=none": [],
    "health=needs-credential": ["carla.example"],
    "health=never&tag=west": ["ada@ada.example"],
    "health=nonsense": [],
    "q=wing": ["berta@berta.example"],
}


@pytest.mark.usefixtures("tagged")
def test_the_list_is_filtered_by_tag_and_health(client: FlaskClient) -> None:
    assert {query: labels(client, f"/accounts?{query}") for query in ASKED} == ASKED
    for query, found in ASKED.items():
        assert f"{len(found)} of 3 accounts" in words(fragment(client, f"/accounts?{query}")), query


@pytest.mark.usefixtures("tagged")
def test_tags_are_chips_that_filter_and_choices_beside_the_text(client: FlaskClient) -> None:
    page = client.get("/accounts?tag=vip").text
    assert '<a class="chip" href="/accounts?tag=vip">vip</a>' in page
    assert '<option value="vip" selected>' in page
    assert '<option value="needs-credential">' in page
    assert "sort=account&amp;tag=vip" in page or "tag=vip&amp;sort=account" in page


@pytest.mark.usefixtures("tagged")
def test_the_command_line_filters_alike(desk: Desk) -> None:
    assert [row["id"] for row in desk.ok("account", "list", "--tag", "west", "--json").json_lines] == [1]
    assert [row["id"] for row in desk.ok("account", "list", "--health", "never", "--json").json_lines] == [1, 2]


@pytest.mark.usefixtures("tagged")
def test_a_view_is_saved_linked_and_deleted(client: FlaskClient) -> None:
    assert "The view “West” is saved." in save(client, "/accounts?health=never&tag=west&page=1", "West")
    page = client.get("/accounts").text
    assert '<a id="view-1" href="/accounts?health=never&amp;tag=west">West</a>' in page
    assert "Save this view" not in page
    here = client.get("/accounts?tag=west&health=never").text
    assert 'aria-current="page">West' in here
    assert "The view “West” is saved." in save(client, "/accounts?tag=vip", "West")
    assert "/accounts?tag=vip" in client.get("/accounts").text
    token = token_of(client.get("/accounts").text)
    gone = client.post("/accounts/views/1/delete", data={"csrf_token": token}, follow_redirects=True)
    assert "The view “West” is deleted." in words(gone.text)
    assert "view-1" not in client.get("/accounts").text


@pytest.mark.usefixtures("tagged")
def test_only_shared_views_are_seen_and_deleted_by_others(app: Flask, client: FlaskClient) -> None:
    save(client, "/accounts?tag=vip", "Mine")
    save(client, "/accounts?tag=west", "Ours", shared="yes")
    add(app, "eve")
    eve = signed_in(app, "eve")
    page = eve.get("/accounts").text
    assert "Ours" in page
    assert "Mine" not in page
    data = {"csrf_token": token_of(page)}
    assert "no longer exists" in words(eve.post("/accounts/views/1/delete", data=data, follow_redirects=True).text)
    assert "is deleted" in words(eve.post("/accounts/views/2/delete", data=data, follow_redirects=True).text)


@pytest.mark.usefixtures("tagged")
@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("/accounts", "All", "Nothing is filtered."),
        ("/accounts?tag=vip", " ", "Name is missing."),
        ("/accounts?tag=vip", "x" * 101, "at most 100 are allowed"),
    ],
)
def test_a_view_needs_a_name_and_a_filter(client: FlaskClient, path: str, name: str, said: str) -> None:
    assert said in save(client, path, name)


@pytest.mark.parametrize(
    ("tags", "said"),
    [("x" * 41, "longer than 40"), (",".join(map(str, range(21))), "at most 20"), ("a\x07b", "control character")],
)
def test_tags_are_short_and_few(desk: Desk, tags: str, said: str) -> None:
    assert said in desk.run("account", "add", "--type", "IMAP", "--host", "h", "--tags", tags).stderr


@pytest.mark.usefixtures("tagged")
def test_tags_survive_export_and_import(desk: Desk) -> None:
    exported = desk.ok("account", "export").stdout
    assert "vip; west" in exported
    desk.ok("account", "set", "1", "--tags", "")
    assert "changed account 1 ada@ada.example (tags)" in desk.ok("account", "import", input=exported).stdout
    assert desk.ok("account", "show", "1", "--json").json["tags"] == "vip; west"
