"""API tokens: what a request with one is, and when it is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask

from postmaster.database import read_session, transaction
from postmaster.desk.api_tokens import NewToken, add_token, find_token, revoke_token
from postmaster.desk.queues import Queues
from postmaster.system.models import ApiToken, Scope
from postmaster.system.tokens import TOKEN_PATTERN, Caller, TokenRefusedError, authenticate, hash_of, note_use

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def make(app: Flask, name: str = "Shop", scopes: tuple[str, ...] = ("read",), **given: object) -> str:
    """Add a token; returns its secret."""
    with app.app_context(), transaction() as session:
        entered = NewToken(name, scopes, **given)  # type: ignore[arg-type]
        return add_token(session, entered, "ada", UTC)[1]


def ask(app: Flask, header: str) -> Caller:
    """Who a request with that header is."""
    with app.app_context(), read_session() as session:
        return authenticate(session, header)


def refusal(app: Flask, header: str) -> str:
    """The code that it is refused with."""
    with pytest.raises(TokenRefusedError) as refused:
        ask(app, header)
    return refused.value.code


def changed(secret: str, place: int) -> str:
    """``secret`` with another character at that place."""
    return secret[:place] + ("b" if secret[place] == "a" else "a") + secret[place + 1 :]


@pytest.fixture
def app(app: Flask) -> Flask:
    """The app, with its database ready."""
    assert app.test_cli_runner().invoke(args=["queue", "list"]).exit_code == 0
    return app


def test_a_token_says_who_calls_and_what_is_allowed(app: Flask) -> None:
    secret = make(app, scopes=("read", "mail:write"), queues=("Junk",))
    caller = ask(app, f"Bearer {secret}")
    with app.app_context(), read_session() as session:
        junk = Queues(session).queue_id("Junk")
    assert (caller.name, caller.actor) == ("Shop", "API token Shop")
    assert caller.scopes == {Scope.READ, Scope.MAIL_WRITE}
    assert caller.queue_ids == {junk}
    assert [caller.sees(queue) for queue in (junk, junk + 1, None)] == [True, False, False]


def test_a_token_without_queues_sees_all(app: Flask) -> None:
    caller = ask(app, f"bearer  {make(app)}")
    assert caller.queue_ids is None
    assert caller.sees(1)
    assert caller.sees(None)


def test_a_token_is_known_by_its_form_and_kept_as_a_hash(app: Flask) -> None:
    secret = make(app)
    assert re.fullmatch(TOKEN_PATTERN, secret)
    with app.app_context(), read_session() as session:
        row = session.get_one(ApiToken, 1)
        assert row.hash == hash_of(secret)
        assert secret[5:] not in str(vars(row))


def test_no_two_tokens_are_alike(app: Flask) -> None:
    assert make(app)[5:] != make(app, "Other")[5:]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic cG06cG0=", "pm_1_x", "Token pm_1_x"])
def test_a_header_without_a_token_is_told_apart(app: Flask, header: str) -> None:
    assert refusal(app, header) == "token-missing"


@pytest.mark.parametrize("place", [3, 5, 20, 47, -6, -1])
def test_a_token_with_one_wrong_character_is_unknown(app: Flask, place: int) -> None:
    assert refusal(app, f"Bearer {changed(make(app), place)}") == "token-unknown"


@pytest.mark.parametrize(
    "text", ["x", "pm_1_", "pm_01_" + "a" * 49, "pm_9_" + "a" * 49, "pm_1_\udcff", "a\0b", "x" * 9999]
)
def test_what_is_no_token_is_unknown(app: Flask, text: str) -> None:
    make(app)
    assert refusal(app, f"Bearer {text}") == "token-unknown"


def test_the_secret_of_one_token_does_not_open_another(app: Flask) -> None:
    first, second = make(app), make(app, "Other")
    assert refusal(app, f"Bearer {first.replace('pm_1_', 'pm_2_')}") == "token-unknown"
    assert ask(app, f"Bearer {second}").token_id == 2


def test_a_revoked_token_opens_nothing_any_more(app: Flask) -> None:
    secret = make(app)
    with app.app_context(), transaction() as session:
        assert revoke_token(session, "shop", "ada")
        assert not revoke_token(session, "1", "ada")
    assert refusal(app, f"Bearer {secret}") == "token-revoked"


def test_a_token_is_good_to_the_end_of_its_last_day(app: Flask) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        secret = make(app, expires="2026-11-24")
        clock.move_to(datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC))
        assert ask(app, f"Bearer {secret}").name == "Shop"
        clock.shift(timedelta(seconds=1))
        assert refusal(app, f"Bearer {secret}") == "token-expired"


def test_a_use_is_written_down_once_a_minute(app: Flask) -> None:
    header = f"Bearer {make(app)}"
    uses = []
    with time_machine.travel(NOON, tick=False) as clock:
        for seconds in (0, 59, 1, 60):
            clock.shift(timedelta(seconds=seconds))
            caller = ask(app, header)
            with app.app_context(), transaction() as session:
                note_use(session, caller)
                uses.append((caller.use_is_due, find_token(session, "Shop").last_used_at))
    minute = timedelta(minutes=1)
    assert uses == [(True, NOON), (False, NOON), (True, NOON + minute), (True, NOON + 2 * minute)]
