"""What programs do with resources is what pages and commands do: the same rules, from the same fields."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from flask import Flask

from postmaster.api.accounts import MAIL_ACCOUNTS
from postmaster.api.document import document
from postmaster.api.resources import ApiResource, resource_operations
from postmaster.api.table import QUEUES, RESOURCES
from postmaster.cli.resources import ResourceCommands, resource_group
from postmaster.database import read_session
from postmaster.desk.queues import QueueService
from postmaster.resources.fields import Field
from postmaster.resources.import_export import exported
from postmaster.resources.readers import paragraph
from tests.api.conftest import NewProgram, Program
from tests.api.test_door import problem
from tests.support import Desk
from tests.web.conftest import add, signed_in


def test_a_resource_is_added_changed_and_deleted(admin: Program, desk: Desk) -> None:
    added = admin("POST", "/queues", {"name": "Sales", "comment": "Orders"})
    assert (added.status_code, added.headers["ETag"]) == (201, '"1"')
    assert added.json is not None
    path = f"/queues/{added.json['id']}"
    assert added.headers["Location"] == f"/api/v1{path}"
    assert admin.get(path)["comment"] == "Orders"
    changed = admin("PATCH", path, {"comment": None, "number": 4711}, If_Match='"1"')
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    told = desk.ok("queue", "show", "Sales", "--json").json
    assert (told["comment"], told["number"]) == ("", 4711)
    assert admin("DELETE", path).status_code == 204
    problem(admin("GET", path), 404, "unknown-queue")


def test_what_a_list_tells_is_what_the_command_prints(admin: Program, desk: Desk) -> None:
    printed = {row["name"]: row for row in desk.ok("queue", "list", "--json").json_lines}
    told = {row.pop("name"): row for row in admin.get("/queues")["items"]}
    for name, row in told.items():
        del row["revision"], printed[name]["name"]
    assert told == printed


def test_who_changes_is_told_in_the_audit_log(app: Flask, admin: Program) -> None:
    admin("POST", "/queues", {"name": "Sales"})
    add(app, "ada")
    assert "API token program 1" in signed_in(app, "ada").get("/audit").text


@pytest.mark.parametrize("seen", ['"7"', 'W/"1"', "1", '""', "x"])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_what_somebody_else_changed_meanwhile_is_not_overwritten(admin: Program, method: str, seen: str) -> None:
    body = {"comment": "mine"} if method == "PATCH" else None
    problem(admin(method, "/queues/2", body, If_Match=seen), 412, "revision-differs")
    assert admin.get("/queues/2")["revision"] == 1


def test_any_revision_will_do_for_a_star(admin: Program) -> None:
    assert admin("PATCH", "/queues/2", {"comment": "mine"}, If_Match="*").status_code == 200


def test_what_is_in_use_is_not_deleted(admin: Program, desk: Desk) -> None:
    desk.ok("address", "add", "--address", "a@example.org", "--name", "A", "--queue", "Misc")
    number = next(row["id"] for row in admin.get("/queues")["items"] if row["name"] == "Misc")
    told = problem(admin("DELETE", f"/queues/{number}"), 409, "queue-in-use")
    assert "a@example.org" in told["detail"]


def test_a_change_that_leaves_a_name_without_a_thing_has_to_be_confirmed(admin: Program, desk: Desk) -> None:
    desk.ok("filter", "add", "--name", "f", "--match", "Subject=x", "--set", "X-OTRS-Queue=Misc")
    number = next(row["id"] for row in admin.get("/queues")["items"] if row["name"] == "Misc")
    told = problem(admin("PATCH", f"/queues/{number}", {"name": "Other"}), 409, "still-named")
    assert [use["noun"] for use in told["uses"]] == ["filter"]
    assert admin("PATCH", f"/queues/{number}?confirmed=true", {"name": "Other"}).status_code == 200


def test_warnings_are_told_with_what_they_are_about(admin: Program) -> None:
    body = {"name": "f", "match": ["Subject=x"], "set": ["X-OTRS-Queue=Nowhere"]}
    added = admin("POST", "/filters", body).json
    assert added is not None
    assert ["Nowhere" in warning for warning in added["warnings"]] == [True]


def test_secrets_go_in_and_never_come_out(app: Flask, admin: Program) -> None:
    body = {"kind": "basic", "name": "Shop", "username": "orders", "password": "a very secret word"}
    answers = [admin("POST", "/credentials", body)]
    answers += [admin("PATCH", "/credentials/1", {"password": "a very secret word, too"})]
    answers += [admin("GET", "/credentials/1"), admin("GET", "/credentials"), admin("GET", "/credentials?q=secret")]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200]
    for answer in answers:
        assert "secret word" not in answer.text
        assert "password" not in (answer.json or {})
    schema = document()["paths"]["/credentials"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["password"]["writeOnly"] is True


def test_addresses_cannot_be_deleted(admin: Program) -> None:
    problem(admin("DELETE", "/addresses/1"), 405, "wrong-method")


@pytest.mark.parametrize("sort", ["name", "-name", "follow_up", "-used", "validity", "-validity"])
def test_pages_of_a_list_have_each_row_once_in_its_order(admin: Program, desk: Desk, sort: str) -> None:
    for name in ("b", "A", "c", "ä", "B2"):
        desk.ok("queue", "add", "--name", name, "--validity", "invalid" if name in "bc" else "valid")
    whole = [row["id"] for row in admin.get(f"/queues?sort={sort}")["items"]]
    assert list(walk(admin, f"/queues?sort={sort}&limit=2")) == whole


@pytest.mark.parametrize("sort", ["success", "-success", "next", "health", "-queue", "account"])
def test_what_nothing_is_known_of_has_its_place_in_a_list(admin: Program, desk: Desk, sort: str) -> None:
    for number in range(5):
        queue = {"dispatching": "queue", "queue": "Junk"} if number % 2 else {"dispatching": "to"}
        desk.add_account(type="POP3", host=f"pop{number}.example.org", **queue)
    whole = [row["id"] for row in admin.get(f"/accounts?sort={sort}")["items"]]
    assert len(whole) == 5
    assert list(walk(admin, f"/accounts?sort={sort}&limit=1")) == whole


def walk(program: Program, path: str) -> Iterator[int]:
    """The ids of a list, page by page, as Link leads."""
    following: str | None = path
    while following:
        answer = program("GET", following)
        assert answer.json is not None, answer.text
        yield from (row["id"] for row in answer.json["items"])
        link = answer.headers.get("Link", "")
        assert bool(link) is (answer.json["next"] is not None)
        following = link.removeprefix("</api/v1").partition(">")[0]


def test_rows_that_come_meanwhile_move_no_page(admin: Program, desk: Desk) -> None:
    first = admin.get("/queues?sort=name&limit=2")
    desk.ok("queue", "add", "--name", "AAA")
    second = admin.get(f"/queues?sort=name&limit=2&after={first['next']}")
    assert not {row["id"] for row in first["items"]} & {row["id"] for row in second["items"]}


@pytest.mark.parametrize("other", ["/queues?sort=-name", "/queues?q=a", "/filters", "/accounts"])
def test_a_cursor_is_good_for_its_list_only(admin: Program, other: str) -> None:
    cursor = admin.get("/queues?limit=1&sort=name")["next"]
    joined = "&" if "?" in other else "?"
    problem(admin("GET", f"{other}{joined}after={cursor}"), 422, "invalid-value")


def test_a_list_is_filtered_as_on_the_page(admin: Program, desk: Desk) -> None:
    desk.ok("queue", "add", "--name", "Sales", "--comment", "orders of the shop")
    assert [row["name"] for row in admin.get("/queues?q=shop+ORDERS")["items"]] == ["Sales"]


def test_a_token_sees_what_belongs_to_its_queues(admin: Program, new_program: NewProgram, desk: Desk) -> None:
    desk.ok("address", "add", "--address", "a@example.org", "--name", "A", "--queue", "Misc")
    desk.ok("address", "add", "--address", "b@example.org", "--name", "B", "--queue", "Junk")
    desk.add_account(type="POP3", host="pop.example.org", dispatching="queue", queue="Misc")
    desk.add_account(type="POP3", host="pop2.example.org", dispatching="queue", queue="Junk")
    desk.add_account(type="POP3", host="pop3.example.org", dispatching="to")
    limited = new_program("read", queues=["Junk"])
    assert [row["name"] for row in limited.get("/queues")["items"]] == ["Junk"]
    assert [row["label"] for row in limited.get("/addresses")["items"]] == ["b@example.org"]
    assert [row["id"] for row in limited.get("/accounts")["items"]] == [2]
    for path, noun in (
        ("/queues/1", "queue"),
        ("/addresses/1", "address"),
        ("/accounts/1", "account"),
        ("/accounts/3", "account"),
    ):
        assert admin("GET", path).status_code == 200
        problem(limited("GET", path), 404, f"unknown-{noun}")


NEW = Field("colour", "Colour", read=paragraph, empty="", column="comment", help="What it is painted in.")


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> ApiResource:
    """Queues with one more field than they have."""
    monkeypatch.setattr(QueueService, "fields", (*QueueService.fields, NEW))
    return QUEUES


def test_a_new_field_is_in_api_form_command_and_file_alike(app: Flask, coloured: ApiResource) -> None:
    group = resource_group(ResourceCommands(service=QueueService, columns=("id",)))
    options = {option.name for option in group.commands["add"].params if isinstance(option, click.Option)}
    assert NEW.name in options
    add(app, "ada")
    assert 'name="colour"' in signed_in(app, "ada").get("/queues/add").text
    with app.app_context(), read_session() as session:
        assert '"colour": ' in "".join(exported(QueueService(session, "test"), "json"))
    operations = {operation.name: operation for operation in resource_operations(coloured)}
    for name in ("addQueue", "changeQueue"):
        body = operations[name].body
        assert body is not None
        assert NEW in body.fields
    for name in ("listQueues", "getQueue"):
        schema = operations[name].reply.schema
        assert schema is not None
        assert "colour" in str(schema)


def test_all_that_pages_manage_programs_do(app: Flask) -> None:
    managed = {"accounts", "credentials", "addresses", "queues", "filters", "outlets"}
    assert managed == {resource.plural for resource in (*RESOURCES, MAIL_ACCOUNTS)}
    paths = document()["paths"]
    for noun in managed:
        assert {"get", "post"} <= paths[f"/{noun}"].keys()
        assert {"get", "patch"} <= paths[f"/{noun}/{{id}}"].keys()
