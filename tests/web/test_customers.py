"""The page of the customer directory."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support import Desk
from tests.web.conftest import token_of
from tests.web.resource_support import fragment, words


def fill(desk: Desk, count: int) -> None:
    """Fill the directory with ``count`` entries."""
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


def upload(client: FlaskClient, content: str, **fields: str) -> TestResponse:
    """Send a file with the form."""
    file = (io.BytesIO(content.encode()), "customers.csv")
    return client.post(
        "/customers/import", data={**fields, "file": file, "csrf_token": token_of(client.get("/customers").text)}
    )


def test_a_file_is_imported_on_the_page(client: FlaskClient, desk: Desk) -> None:
    answer = upload(client, "address,login,number\nada@example.net,ada,7\n", take="yes")
    assert answer.status_code == 303
    assert "The directory has 1 entry; 0 of those before are gone." in words(client.get("/customers").text)
    assert desk.ok("customer", "show", "ada@example.net", "--json").json["login"] == "ada"


def test_a_file_can_be_checked_alone(client: FlaskClient, desk: Desk) -> None:
    answer = upload(client, "address,login,number\nada@example.net,ada,7\n", check="yes")
    assert "The file is right, with 1 entry. Nothing was changed." in words(answer.text)
    assert desk.run("customer", "show", "ada@example.net").exit_code == 2


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        ("address,login,number\nno address,ada,7\n", "Line 2, column address: it is neither an e-mail address nor"),
        ("name\n", "Line 1 has no column address"),
        ("", "Line 1 has no column address"),
    ],
)
def test_a_file_with_a_flaw_is_refused_on_the_page(client: FlaskClient, desk: Desk, content: str, flaw: str) -> None:
    fill(desk, 2)
    answer = upload(client, content, take="yes")
    assert answer.status_code == 422
    assert flaw in words(answer.text)
    assert "Nothing was changed." in words(answer.text)
    assert desk.ok("customer", "show", "user001@example.net").stdout


def test_a_missing_file_is_told(client: FlaskClient) -> None:
    answer = client.post(
        "/customers/import", data={"take": "yes", "csrf_token": token_of(client.get("/customers").text)}
    )
    assert answer.status_code == 422
    assert "Choose a file." in words(answer.text)


def test_a_file_that_lacks_most_wants_a_tick(client: FlaskClient, desk: Desk) -> None:
    fill(desk, 10)
    small = "address,login,number\nada@example.net,ada,7\n"
    answer = upload(client, small, take="yes")
    assert "The file lacks 10 of the 10 entries that there are, more than half." in words(answer.text)
    assert "Take the file although it lacks so many." in words(answer.text)
    assert upload(client, small, take="yes", confirmed="yes").status_code == 303
