"""How long a server may take for an answer: by step, and as an account says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from postmaster.accounts.fields import ANSWER_TIMEOUT
from postmaster.errors import FaultStage
from postmaster.sources import deadline
from postmaster.sources.deadline import TimeLimits
from postmaster.web.accounts.resource import ACCOUNT_PAGES
from tests.servers.quirks.mailbox import Mailbox
from tests.servers.quirks.pop3 import Pop3Session, QuirkyPop3Server
from tests.servers.scripted import Connection, ImapServer
from tests.support import Desk, mail, mails

SLOW = 0.6  # seconds that the servers of these tests take for one answer


def slow_imap(command: str) -> ImapServer:
    """Answers ``command`` late."""
    usual = ImapServer(messages={1: mail("late")})

    def late(connection: Connection, tag: bytes, arguments: bytes) -> None:
        connection.stopping.wait(SLOW)
        connection.send(usual._standard(command, arguments).replace(b"{tag}", tag))

    return ImapServer({command: late}, messages={1: mail("late")})


def fetched(desk: Desk, command: str, code: int = 0, **options: object) -> Any:
    """The row of a fetch from a server that answers ``command`` late."""
    with slow_imap(command) as server:
        credential = desk.credential("anna", "correct horse")
        desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential, **options)
        return desk.fetch_one(code=code)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may take longer than a moment unless an account says so; ten seconds are still ten seconds."""
    monkeypatch.setattr(deadline, "ANSWER_SECONDS", {})
    monkeypatch.setattr(deadline, "USUAL_ANSWER_SECONDS", SLOW / 3)


COMMANDS = ["LOGIN", "SELECT", "FETCH", "UID STORE", "UID EXPUNGE"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("command", COMMANDS)
def test_an_account_may_have_a_server_that_takes_its_time(desk: Desk, command: str) -> None:
    error = fetched(desk, command, code=1)["error"]
    assert (error["code"], "nothing came for 0.2 s" in error["message"]) == ("server-silent", True)
    desk.ok("account", "set", "1", "--validity", "invalid")
    row = fetched(desk, command, answer_timeout=10)
    assert (row["found"], row["error"]) == (1, None)


@pytest.mark.usefixtures("impatient")
def test_a_message_that_takes_its_time_is_waited_for(desk: Desk) -> None:
    row = fetched(desk, "UID FETCH")
    assert row["left_reasons"] == {"withheld": 1}
    assert row["notes"][0].endswith(": 127.0.0.1 stopped answering: nothing came for 0.2 s.")
    desk.ok("account", "set", "1", "--validity", "invalid")
    assert fetched(desk, "UID FETCH", answer_timeout=10)["found"] == 1


@pytest.mark.parametrize(
    ("stage", "seconds"),
    [("connect", 20), ("folder", 75), ("list", 75), ("delete", 75), ("login", 50), ("read", 50)],
)
def test_what_servers_were_reported_to_take_is_no_failure(stage: FaultStage, seconds: int) -> None:
    limits = TimeLimits()
    assert seconds < limits.answer(stage) < limits.step
    assert limits.opening > 20 + 75  # a greeting and a folder of one server


@pytest.mark.parametrize("own", [10, 60, 300])
def test_what_an_account_says_holds_for_each_answer_and_lengthens_what_belongs_together(own: int) -> None:
    limits = TimeLimits(own)
    assert {limits.answer(stage) for stage in ("connect", "login", "folder", "list", "read", "delete")} == {own}
    assert limits.opening >= 2 * own
    assert limits.step >= 2 * own


def test_what_is_usual_is_told_where_it_is_entered_and_documented() -> None:
    usual, large = (f"{TimeLimits().answer(stage):g}" for stage in ("login", "folder"))
    together = f"{TimeLimits().opening:g}"
    for text in (ANSWER_TIMEOUT.help, ACCOUNT_PAGES.helps["answer_timeout"]):
        assert f"{usual}, and {large} for opening" in text
    document = (Path(__file__).parents[2] / "docs" / "servers.md").read_text()
    assert f"waits {usual} s for each answer" in document
    assert f"waits {large} s for these" in document
    assert f"listing {together} s together" in document


@pytest.mark.usefixtures("impatient")
def test_the_connection_test_and_the_list_of_folders_wait_as_long(desk: Desk) -> None:
    with slow_imap("EXAMINE") as server:
        credential = desk.credential("anna", "correct horse")
        options = {"type": "IMAP", "host": server.host, "port": server.port, "credential": credential}
        account = desk.add_account(**options)
        result = desk.run("account", "test", account)
        assert (result.exit_code, "✗ folder: 127.0.0.1 stopped answering" in result.stdout) == (1, True)
        desk.ok("account", "set", account, "--answer-timeout", "10")
        desk.ok("account", "test", account)


@pytest.mark.usefixtures("impatient")
def test_a_pop3_server_may_take_its_time_as_well(desk: Desk) -> None:
    class LatePass(Pop3Session):
        def do_pass(self, argument: bytes) -> bytes:
            self.connection.stopping.wait(SLOW)
            return super().do_pass(argument)

    with QuirkyPop3Server(Mailbox(*mails(1)), [LatePass]) as server:
        credential = desk.credential("anna", "correct horse")
        account = desk.add_account(type="POP3", host=server.host, port=server.port, credential=credential)
        assert desk.fetch_one(code=1)["error"]["code"] == "server-silent"
        desk.ok("account", "set", account, "--answer-timeout", "10")
        assert desk.fetch_one()["new"] == 1


@pytest.mark.parametrize("value", ["9", "301", "-1", "1.5", "soon", "99999999999999999999"])
def test_an_answer_timeout_has_bounds(desk: Desk, value: str) -> None:
    account = desk.add_account(type="IMAP", host="imap.example")
    result = desk.run("account", "set", account, "--answer-timeout", value)
    assert result.exit_code == 2
    assert f"Answer Timeout is “{value}”, but must be a whole number from 10 to 300." in result.stderr


def test_an_answer_timeout_is_exported_and_imported(desk: Desk, tmp_path: Path) -> None:
    account = desk.add_account(type="IMAP", host="imap.example", answer_timeout=120)
    file = tmp_path / "accounts.json"
    file.write_text(desk.ok("account", "export").stdout)
    desk.ok("account", "set", account, "--answer-timeout", "")
    desk.ok("account", "import", file)
    assert desk.ok("account", "show", account, "--json").json["answer_timeout"] == 120
