"""The same mailbox under two names of its server: said when an account is saved or tested, and never refused."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from postmaster.accounts import same_server
from postmaster.accounts.same_server import look_up
from postmaster.extensions import db
from tests.servers.fixtures import TestMailbox
from tests.support import Desk

SAME = "seems to fetch the same mailbox"


def add(desk: Desk, host: str, credential: str, **fields: object) -> tuple[str, str]:
    """Add an account that the database alone has to know; returns its id and what was said of it."""
    account = {"type": "IMAP", "host": host, "credential": credential, **fields}
    words = [word for name, value in account.items() for word in (f"--{name}", str(value))]
    result = desk.ok("account", "add", *words)
    return result.stdout.strip(), result.stderr


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Names that lead somewhere, each with its canonical name; what is asked for besides is not known."""

    def name(**places: tuple[str, str]) -> None:
        known = {key.replace("_", "."): place for key, place in places.items()}

        def answer(host: str, _port: object, **_options: object) -> list[Any]:
            if host not in known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            canonical, address = known[host]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, canonical, (address, 0))]

        monkeypatch.setattr(same_server.socket, "getaddrinfo", answer)

    return name


@pytest.mark.parametrize(
    ("other", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("::1", "::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("[::FFFF:7F00:1]", "::ffff:127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_saving_names_the_account_that_fetches_it_already(desk: Desk, other: str, shown: str) -> None:
    first, nothing = add(desk, "localhost", desk.credential("anna", "p"))
    second, said = add(desk, other, desk.credential("Anna", "p"))
    assert (first, second, nothing) == ("1", "2", "")
    assert f"Warning: Account 1, anna@localhost, {SAME} as Anna@{shown}: {shown} and localhost are the same" in said
    assert "both sign in as “anna”. A message may become two tickets. Set one of the two accounts invalid." in said


def test_each_change_that_leads_there_says_so(desk: Desk) -> None:
    credential, other = desk.credential("anna", "p"), desk.credential("berta", "p")
    add(desk, "localhost", credential)
    number, said = add(desk, "127.0.0.1", credential, validity="invalid")
    assert said == ""
    assert SAME in desk.ok("account", "set", number, "--validity", "valid").stderr
    assert SAME not in desk.ok("account", "set", number, "--credential", other).stderr
    assert SAME in desk.ok("credential", "set", other, "--username", "anna").stderr
    assert SAME not in desk.ok("credential", "set", other, "--comment", "The same login.").stderr
    assert SAME not in desk.ok("account", "set", number, "--folder", "Archive").stderr
    document = json.dumps({"account": [{"type": "IMAP", "host": "127.0.0.1", "credential": credential}]})
    assert desk.ok("account", "import", input=document).stderr.count(SAME) == 1


def test_other_logins_folders_and_servers_are_left_in_peace(desk: Desk, named: Callable[..., None]) -> None:
    named(mail_example_org=("mail.example.org", "192.0.2.1"), imap_example_org=("imap.example.org", "192.0.2.2"))
    anna = desk.credential("anna", "p")
    add(desk, "mail.example.org", anna)
    assert add(desk, "imap.example.org", anna)[1] == ""
    assert add(desk, "unknown.invalid", anna)[1] == ""
    assert add(desk, "mail.example.org", anna, folder="Archive")[1] == ""
    assert add(desk, "mail.example.org", desk.credential("berta", "p"))[1] == ""


def test_one_canonical_name_is_one_server_whatever_address_answers(desk: Desk, named: Callable[..., None]) -> None:
    named(mail_example_org=("pool.example.net.", "192.0.2.1"), imap_example_org=("Pool.example.net", "192.0.2.2"))
    add(desk, "mail.example.org", desk.credential("anna", "p"))
    assert "the same server (pool.example.net)" in add(desk, "imap.example.org", desk.credential("anna", "p"))[1]


def test_a_connection_test_says_so_saved_or_not(desk: Desk, mailbox: TestMailbox) -> None:
    number = desk.account(mailbox, "IMAP")
    account = {"type": "IMAP", "host": "localhost", "port": mailbox.server.port("imap")}
    account["credential"] = desk.credential(mailbox.user, mailbox.password)
    text = json.dumps({"account": [account]})
    told = desk.ok("account", "test", "--stdin", "--json", input=text).json
    [words] = told["warnings"]
    name = mailbox.user.partition("@")[0]
    assert told["ok"]
    assert f"Account {number}, {name}@127.0.0.1, {SAME} as {name}@localhost:" in words
    assert f"Warning: {words}" in desk.ok("account", "test", "--stdin", input=text).stderr
    assert SAME not in desk.ok("account", "test", "--stdin", "--stored", number, input=text).stderr
    desk.ok("account", "set", number, "--validity", "invalid")
    assert desk.ok("account", "test", "--stdin", "--json", input=text).json["warnings"] == []


def test_a_resolver_that_does_not_answer_fails_nothing_and_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(same_server.socket, "getaddrinfo", lambda *_, **__: released.wait(60) and [])
    anna = desk.credential("anna", "p")
    add(desk, "one.example.org", anna)
    started = time.monotonic()
    number, said = add(desk, "two.example.org", anna)
    assert (bool(number), said) == (True, "")
    assert time.monotonic() - started < same_server.LOOKUP_SECONDS + 20
    released.set()


def test_names_are_looked_up_once_each_and_without_a_transaction(
    app: Flask, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    open_transactions: list[int] = []
    with app.app_context():
        engine = db.engine
    monkeypatch.setattr(
        same_server.socket,
        "getaddrinfo",
        lambda host, *_, **__: asked.append(host) or open_transactions.append(engine.pool.checkedout()) or [],
    )
    anna = desk.credential("anna", "p")
    items = [{"type": "IMAP", "host": f"{number}.example.org", "credential": anna} for number in range(40)]
    desk.ok("account", "import", input=json.dumps({"account": items}))
    assert len(asked) == len(set(asked)) == same_server.MAX_NAMES
    assert set(open_transactions) == {0}
    asked.clear()
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    desk.ok("account", "set", "1", "--port", "1143")
    assert len(statements) < 30
    assert len(asked) == same_server.MAX_NAMES


@pytest.mark.parametrize("host", ["", "a" * 64 + ".example", "\udcff.example", "not a name", "."])
def test_what_is_no_name_leads_nowhere(host: str) -> None:
    assert look_up([host]) == {} or host == ""
