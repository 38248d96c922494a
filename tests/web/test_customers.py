"""The page of the customer directory."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.support import Desk
from tests.web.resource_support import fragment, words


def fill(desk: Desk, count: int) -> None:
    """Let the directory have ``count`` entries."""
    rows = (f"user{number:03}@example.net,login{number},{number}" for number in range(count))
    desk.ok("customer", "import", "--yes", input="\n".join(["address,login,number", *rows]))


def test_an_empty_directory_says_what_holds_without_it(client: FlaskClient) -> None:
    assert "The directory is empty: the customer of a new ticket is the address" in words(client.get("/customers").text)


def test_pages_follow_one_another_and_each_entry_is_on_one(client: FlaskClient, desk: Desk) -> None:
    fill(desk, 51)
    first = client.get("/customers").text
    assert "user049@example.net" in first
    assert "user050@example.net" not in first
    assert "/customers?after=user049@example.net" in first
    second = client.get("/customers?after=user049@example.net").text
    assert "user050@example.net" in second
    assert "user049@example.net" not in second
    assert "First page" in second


def test_it_is_searched_by_address_login_and_number(client: FlaskClient, desk: Desk) -> None:
    fill(desk, 30)
    for text in ("USER029", "login29", "29"):
        assert "user029@example.net" in fragment(client, f"/customers?q={text}")
    assert "Nothing in the directory matches." in words(fragment(client, "/customers?q=nobody"))


def test_the_export_is_what_is_imported(client: FlaskClient, desk: Desk) -> None:
    fill(desk, 2)
    response = client.get("/customers/export")
    assert response.headers["Content-Disposition"] == "attachment; filename=customers.csv"
    assert response.text == ("address,login,number\nuser000@example.net,login0,0\nuser001@example.net,login1,1\n")
