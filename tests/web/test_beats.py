"""What a beat of Status and of the wall brings: of what the page shows already, only what reads otherwise by now."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, update

from postmaster.accounts.health import Health
from postmaster.accounts.models import AccountState, MailAccount
from postmaster.database import transaction
from postmaster.extensions import now
from postmaster.fetching.overview import AccountView
from postmaster.web.tiles import AccountNow, arrange
from tests.web.conftest import HTMX, add, signed_in
from tests.web.morning import add_morning
from tests.web.resource_support import counting_queries, words
from tests.web.test_accounts import add_rows, tell_state
from tests.web.test_board import press, wall_of

# Where no minute and no hour ends during a test.
NOON = datetime(2026, 11, 25, 12, 30, 20, tzinfo=UTC)

# What a beat may weigh in which nothing is new, and what one changed tile adds to it, in bytes.
NOTHING, ONE_TILE = 2_500, 1_800

# How many statements a beat may need.
MAX_QUERIES = 21

Told = Sequence[tuple[str, str]]


@pytest.fixture
def browser(app: Flask) -> Iterator[FlaskClient]:
    """The browser of an admin at ``NOON``."""
    with time_machine.travel(NOON, tick=False):
        add(app, "admin")
        yield signed_in(app, "admin")


def told_by(page: str) -> Told:
    """What a page says of what it shows when its pulse beats."""
    found = re.findall(r'<input type="hidden" name="(shown|at|page|show|queue|table)" value="([^"]*)">', page)
    return [(name, html.unescape(value)) for name, value in found]


def beat(client: FlaskClient, told: Told, path: str = "/status/board") -> str:
    """What a beat brings to a page that shows that."""
    answer = client.get(path, headers=HTMX, query_string=list(told))
    assert answer.status_code == 200
    return answer.text


def tiles_in(answer: str) -> list[int]:
    """The accounts whose tiles are in an answer."""
    return [int(number) for number in re.findall(r'<li class="tile" id="account-(\d+)"', answer)]


def after(shown: Sequence[int], answer: str) -> list[int]:
    """The accounts on the page when it has taken up the answer, as htmx does it."""
    order = list(shown)
    place = r'<ul hx-swap-oob="(?:afterend:#account-(\d+)|afterbegin:#tiles)">\s*<li class="tile" id="account-(\d+)"'
    for gone, previous, new in re.findall(rf'<li id="account-(\d+)" hx-swap-oob="delete">|{place}', answer):
        if gone and int(gone) in order:
            order.remove(int(gone))
        elif new:
            order.insert(order.index(int(previous)) + 1 if previous else 0, int(new))
    return order


def test_no_tile_is_taken_away_that_the_page_does_not_show(app: Flask, browser: FlaskClient) -> None:
    add_morning(app, 3, 0)
    told = [each for each in told_by(browser.get("/status").text) if not each[1].startswith("3:")]
    answer = beat(browser, told)
    assert tiles_in(answer) == [3]
    assert 'hx-swap-oob="delete"' not in answer


def test_the_whole_page_has_all_tiles_whatever_its_address_says(app: Flask, browser: FlaskClient) -> None:
    add_morning(app, 3, 0)
    told = told_by(browser.get("/status").text)
    page = browser.get("/status", query_string=list(told)).text
    assert sorted(tiles_in(page)) == [1, 2, 3]


def test_a_beat_in_which_nothing_is_new_costs_the_same_for_any_number_of_accounts(
    app: Flask, browser: FlaskClient
) -> None:
    needed = []
    for add_accounts in (lambda: add_morning(app, 5, 1), lambda: add_rows(app, 6, 51)):
        add_accounts()
        told = told_by(browser.get("/status").text)
        with counting_queries(app) as statements:
            answer = beat(browser, told)
        needed.append(len(statements))
        assert len(answer.encode()) < NOTHING
        assert (tiles_in(answer), 'id="today"' in answer, 'id="mail"' in answer) == ([], False, False)
    assert needed[0] == needed[1] <= MAX_QUERIES


@pytest.mark.parametrize("accounts", [5, 50])
def test_one_changed_tile_needs_as_many_queries_however_many_there_are(
    app: Flask, browser: FlaskClient, accounts: int
) -> None:
    add_morning(app, accounts, 1)
    told = told_by(browser.get("/status").text)
    with counting_queries(app) as usual:
        assert tiles_in(beat(browser, told)) == []
    tell_state(app, 2, last_run_at=now(), last_success_at=now(), backlog=7)
    with counting_queries(app) as statements:
        answer = beat(browser, told)
    assert tiles_in(answer) == [2]
    assert "On server 7" in words(answer)
    assert len(answer.encode()) < NOTHING + ONE_TILE
    assert len(statements) == len(usual) + 2 <= MAX_QUERIES + 2  # what was recorded today, and when it stood still


def test_a_tile_that_begins_to_fail_comes_first_and_one_that_is_gone_leaves(app: Flask, browser: FlaskClient) -> None:
    add_morning(app, 6, 1)
    page = browser.get("/status").text
    shown = tiles_in(page)
    tell_state(app, 5, failures=1, failing_since=now())
    answer = beat(browser, told_by(page))
    assert tiles_in(answer) == [5]
    wanted = tiles_in(browser.get("/status").text)
    assert wanted != shown
    assert after(shown, answer) == wanted
    with app.app_context(), transaction() as session:
        session.execute(delete(AccountState).where(AccountState.account_id == 1))
        session.execute(delete(MailAccount).where(MailAccount.id == 1))
    add_rows(app, 7, 9)
    answer = beat(browser, told_by(page))
    assert set(tiles_in(answer)) == {5, 7, 8}
    assert after(shown, answer) == tiles_in(browser.get("/status").text)


def test_a_board_that_shows_no_tile_yet_gets_all_and_one_that_has_none_any_more_loses_all(
    app: Flask, browser: FlaskClient
) -> None:
    add_morning(app, 3, 0)
    page = browser.get("/status?show=undelivering").text
    assert tiles_in(page) == []
    tell_state(app, 2, failures=1)
    answer = beat(browser, told_by(page))
    assert 'id="accounts" hx-swap-oob="true"' in answer
    assert tiles_in(answer) == [2]
    told = told_by(browser.get("/status?show=undelivering").text)
    tell_state(app, 2, failures=0)
    answer = beat(browser, told)
    assert 'id="accounts" hx-swap-oob="true"' in answer
    assert tiles_in(answer) == []


def test_times_are_told_by_themselves_when_they_read_otherwise(app: Flask, browser: FlaskClient) -> None:
    add_morning(app, 3, 0)
    for number, minutes in ((1, 2), (2, 0)):
        tell_state(app, number, last_run_at=now(), last_success_at=now() - timedelta(minutes=minutes, seconds=50))
    told = told_by(browser.get("/status").text)
    with time_machine.travel(NOON + timedelta(seconds=15), tick=False):
        answer = beat(browser, told)
    assert tiles_in(answer) == []
    ages = re.findall(r'<time id="age-(\d)" hx-swap-oob="innerHTML">([^<]+)<', answer)
    assert dict(ages) == {"1": "3 min", "2": "1 min"}


def test_a_page_of_an_earlier_version_is_loaded_anew(app: Flask, browser: FlaskClient) -> None:
    add_morning(app, 2, 1)
    press(browser, "/wall/create")
    wall = f"{wall_of(browser)}/board"
    for path in ("/status/board?mail=0123456789ab&page=2", wall):
        assert browser.get(path, headers=HTMX).headers["HX-Refresh"] == "true"
    told = told_by(browser.get("/status").text)
    assert "HX-Refresh" not in browser.get("/status/board", headers=HTMX, query_string=list(told)).headers


@pytest.mark.parametrize("shown", ["1", "x:y", "1:", "-1:a", "9" * 30, "\0:", "", "today:"])
def test_a_page_that_says_nonsense_gets_all_tiles(app: Flask, browser: FlaskClient, shown: str) -> None:
    add_morning(app, 2, 1)
    assert sorted(tiles_in(beat(browser, [("shown", shown), ("at", shown)]))) == [1, 2]


def test_the_wall_gets_its_times_until_something_else_changes(app: Flask, browser: FlaskClient) -> None:
    add_morning(app, 50, 20)
    press(browser, "/wall/create")
    wall, screen = wall_of(browser), app.test_client()
    page = screen.get(wall).text
    told = [each for each in told_by(page) if each[0] == "at" or ":" not in each[1]]  # tiles come with the board
    quiet = beat(screen, told, f"{wall}/board")
    assert 'id="board"' not in quiet
    assert len(quiet.encode()) < NOTHING
    with app.app_context(), transaction() as session:
        session.execute(update(AccountState).values(failures=0))
    changed = beat(screen, told, f"{wall}/board")
    assert 'id="board" data-state="ok" hx-swap-oob="true"' in changed


def standing(number: int) -> AccountNow:
    """An account of that number, as it stands."""
    view = AccountView(number, f"{number}", Health.HEALTHY, None, None, None, 0, None, None, None)
    return AccountNow(view, None, "", "new" if number > 90 else "same")


@pytest.mark.parametrize(
    ("shown", "wanted", "kept"),
    [
        ([1, 2, 3], [1, 2, 3], {1, 2, 3}),
        ([1, 2, 3], [3, 1, 2], {1, 2}),
        ([1, 2, 3], [3, 2, 1], {1}),
        ([1, 2, 3], [2], {2}),
        ([], [1, 2], set()),
        ([1], [2, 1, 3], {1}),
        ([1, 91, 2], [1, 91, 2], {1, 2}),
    ],
    ids=str,
)
def test_no_more_tiles_move_than_have_to(shown: list[int], wanted: list[int], kept: set[int]) -> None:
    found = arrange(dict.fromkeys(shown, "same"), [standing(number) for number in wanted])
    order = [number for number in shown if number not in found.gone and number not in found.moved]
    for number, previous in found.moved.items():
        order.insert(order.index(previous) + 1 if previous else 0, number)
    assert (order, found.kept) == (wanted, kept)
