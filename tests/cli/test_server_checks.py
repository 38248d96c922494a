"""``flask account certificate``, ``folders`` and ``preview``, and all of them on accounts that are not saved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates, TestMailbox, new_mailbox
from tests.support import SERVICES, Desk, mail, mails

COMMANDS = ("test", "certificate", "folders", "preview")
FOLDERS = ("Bücher & Mehr", "Архив", "A/B/C", '"quoted" \\ name')


def described(desk: Desk, mailbox: TestMailbox, kind: str = "IMAPS", **fields: Any) -> str:
    """An account on ``mailbox`` as it stands in a document."""
    account = {
        "type": kind,
        "host": "127.0.0.1",
        "port": mailbox.server.port(SERVICES[kind]),
        "credential": desk.credential(mailbox.user, mailbox.password),
        **fields,
    }
    return json.dumps({"account": [account]})


def test_an_account_that_is_not_saved_is_tested_stage_by_stage(desk: Desk, mailbox: TestMailbox) -> None:
    result = desk.run("account", "test", "--stdin", "--json-lines", input=described(desk, mailbox))
    first, *stages, last = result.json_lines
    assert [stage["stage"] for stage in stages] == first["stages"]
    assert {stage["state"] for stage in stages} == {"ok"}
    assert (last, result.exit_code) == ({"ok": True, "warnings": [], "server_offer": None}, 0)
    assert desk.ok("account", "list").stdout.count("IMAPS") == 0


@pytest.mark.parametrize("kind", ["IMAPS", "IMAPTLS", "POP3S", "POP3TLS"])
def test_the_certificate_is_shown_trusted_or_not(
    desk: Desk, mailbox: TestMailbox, certificates: Certificates, kind: str
) -> None:
    text = described(desk, mailbox, kind, host="127.0.0.2", credential="")
    facts = desk.ok("account", "certificate", "--stdin", "--json", input=text).json
    assert facts["fingerprint"] == certificates.self_signed.fingerprint()
    assert (facts["self_signed"], facts["names"]) == (True, ["localhost", "127.0.0.2"])
    pinned = described(desk, mailbox, kind, host="127.0.0.2", ssl_fingerprint=facts["fingerprint"])
    desk.ok("account", "test", "--stdin", input=pinned)


def test_people_can_read_it(desk: Desk, mailbox: TestMailbox) -> None:
    account = desk.account(mailbox, "IMAPS")
    assert "fingerprint  sha256$" in desk.ok("account", "certificate", account).stdout
    assert desk.ok("account", "folders", account).stdout == "INBOX\n"
    mailbox.deliver(mail("hello"))
    assert "new → Raw (dispatched-to-default): hello" in desk.ok("account", "preview", account).stdout


def test_folders_are_listed_as_they_are_entered_whatever_they_are_called(desk: Desk, mailbox: TestMailbox) -> None:
    for folder in FOLDERS:
        mailbox.server.create_folder(mailbox.user, folder)
    result = desk.ok("account", "folders", "--stdin", "--json", input=described(desk, mailbox))
    names = result.json["folders"]
    assert set(FOLDERS[:3]) <= set(names)
    for name in names:
        text = described(desk, mailbox, folder=name)
        assert desk.ok("account", "test", "--stdin", "--json", input=text).json["ok"], name


def test_folders_of_a_server_with_another_delimiter(desk: Desk) -> None:
    with Dovecot(separator="|") as server:
        mailbox = new_mailbox(server)
        server.create_folder(mailbox.user, "A|B")
        text = described(desk, mailbox, "IMAP")
        assert set(desk.ok("account", "folders", "--stdin", "--json", input=text).json["folders"]) >= {"INBOX", "A|B"}


@pytest.mark.parametrize("kind", SERVICES)
def test_a_preview_shows_the_next_messages_and_changes_nothing(desk: Desk, mailbox: TestMailbox, kind: str) -> None:
    mailbox.deliver(*mails(12))
    text = described(desk, mailbox, kind, dispatching="queue", queue="Misc")
    row = desk.ok("account", "preview", "--stdin", "--json", input=text).json
    assert [message["subject"] for message in row["messages"]] == [f"mail {number}" for number in range(10)]
    assert {(message["queue"], message["reason"]) for message in row["messages"]} == {("Misc", "dispatched-by-queue")}
    assert (row["found"], row["new"], row["left"]) == (12, 10, 2)
    assert mailbox.count() == 12
    assert desk.ok("ticket", "list", "--json").stdout == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_server_refuses_is_said_and_ends_with_1(desk: Desk, mailbox: TestMailbox, command: str) -> None:
    wrong = TestMailbox(mailbox.server, mailbox.user, "wrong")
    port = 1 if command == "certificate" else mailbox.server.port("imaps")
    result = desk.run("account", command, "--stdin", "--json", input=described(desk, wrong, port=port))
    assert result.exit_code == 1
    said = result.json["error"]["advice"] if command != "test" else result.stdout
    assert ("Check Host, Port" if command == "certificate" else "Check user name and password") in said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("args", "text", "sentence"),
    [
        ((), "", "Name an account, by its id or label, or describe one with --stdin."),
        (("1", "--stdin"), "", "Name an account, by its id or label, or describe one with --stdin."),
        (("--stdin",), "nonsense", "The document is neither JSON"),
        (("--stdin",), '{"account": []}', "The document holds 0 accounts. Give one."),
        (("--stdin",), '{"account": [{"type": "IMAP", "host": ""}]}', "Host is missing."),
        (("nobody",), "", "There is no account “nobody”."),
    ],
)
def test_wrong_usage_ends_with_2(desk: Desk, command: str, args: tuple[str, ...], text: str, sentence: str) -> None:
    result = desk.run("account", command, *args, input=text)
    assert result.exit_code == 2
    assert sentence in result.stderr
