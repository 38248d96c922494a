"""Only what is known to be for good pauses an account; whatever else a server says at sign-in passes by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from postmaster.accounts.models import AccountState
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.ledger.models import FetchRun
from tests.servers.pop3 import Pop3Server
from tests.servers.scripted import Connection, ImapServer, ScriptedServer
from tests.support import Desk, expected, mails
from tests.turns import in_turns

# What servers said that were busy, ill or asked too often. With its source where there is one.
PASSING = [
    "[OVERQUOTA] Account exceeded command or bandwidth limits.",  # mailpile/Mailpile#2242
    "[ALERT] Account exceeded command or bandwidth limits. (Failure)",  # Gmail
    "Lockout: too many bad commands",  # Gmail
    "[THROTTLED] Account is throttled",  # Exchange Online
    "[AUTHENTICATIONFAILED] Temporary authentication failure",  # Dovecot with a database that is away
    "[UNAVAILABLE] Temporary authentication failure",  # RFC 5530
    "System error",  # chatwoot/chatwoot#6082
    "[SERVERBUG] LOGIN Server error - Please try again later",  # Yahoo
    "[LIMIT] LOGIN Rate limit hit.",  # Yahoo
    "[CONTACTADMIN] ask somebody",  # RFC 5530
    "Login failed: backend failure",
    "Login failed: generic failure",  # Cyrus with saslauthd that is away
    "(TEMP) lookup failed",
    "[AUTHENTICATIONFAILED] (TEMP) lookup failed for user",
    "[ALERT] Too many simultaneous connections. (Failure)",  # Gmail
    "[AUTH] Too many login failures, come back later",
    "unable to lock maildrop",  # RFC 1939 section 5
    "maildrop already locked",  # RFC 1939 section 4
    "server busy",
    "login limit exceeded",
    "[IN-USE] Do you have another POP session running?",  # RFC 2449
    "[LOGIN-DELAY] minimum time between mail checks violation",  # RFC 2449
    "[SYS/TEMP] Temporary system problem. Please try again later.",  # RFC 3206
    "[SYS/PERM] mailbox is damaged",  # RFC 3206: wants the server's administrator, not a password
    "Authentication failed: connection to LDAP server timed out",
    "Login fail. Password is incorrect, login frequency limited, or system is busy",  # QQ: says everything
    "Zu viele Anmeldeversuche, bitte später erneut",
    "Authentifizierung fehlgeschlagen: vorübergehender Fehler",
    "no",
    "Unable to log on",  # 163.com, for whatever reason
    "",
]

# What is known to be for good.
FOR_GOOD = [
    "[AUTHENTICATIONFAILED] Invalid credentials (Failure)",
    "[AUTHORIZATIONFAILED] no",
    "[EXPIRED] change your password",
    "[AUTH] no",
    "invalid credentials",
    "Authentication failed.",
    "bad username or password",
    "Login incorrect",
    "Invalid user name or password.",
    "LOGIN failed.",
    "LOGIN Login error or password error",
    "[ALERT] Application-specific password required",
    "[AUTH] Username and password not accepted.",
    "[ALERT] Please log in via your web browser",
    "Account is disabled",
    "Benutzername oder Passwort falsch",
    "Identifiant ou mot de passe incorrect",
    "Contraseña incorrecta",
]


def said_by(sentences: list[str]) -> list[tuple[str, str]]:
    """Each sentence, said over both protocols; they are told apart in one place, so bin/test takes turns."""
    return [(kind, words) for words in sentences for kind in in_turns(("IMAP", "POP3"), words)]


def server_of(kind: str, words: str) -> ScriptedServer:
    said = words.encode()
    if kind == "IMAP":
        return ImapServer({"LOGIN": b"{tag} NO " + said + b"\r\n"})
    return Pop3Server(mails(1), answers={"PASS": b"-ERR " + said + b"\r\n"})


def add_account(desk: Desk, kind: str, server: ScriptedServer) -> str:
    credential = desk.credential("anna", "correct horse")
    return desk.add_account(type=kind, host=server.host, port=server.port, credential=credential)


def health(desk: Desk) -> str:
    [account] = desk.ok("account", "list", "--json").json_lines
    return str(account["health"])


@pytest.mark.parametrize(("kind", "words"), said_by(PASSING))
def test_a_refusal_that_may_pass_pauses_nothing(desk: Desk, kind: str, words: str) -> None:
    with server_of(kind, words) as server:
        add_account(desk, kind, server)
        error = desk.fetch_one(code=1)["error"]
        assert error["code"] != "login-refused"
        assert error["server"] == words
        assert health(desk) == "failing"


@pytest.mark.parametrize(("kind", "words"), said_by(FOR_GOOD))
def test_a_refusal_that_is_for_good_pauses_the_account_at_once(desk: Desk, kind: str, words: str) -> None:
    with server_of(kind, words) as server:
        add_account(desk, kind, server)
        assert desk.fetch_one(code=1)["error"]["code"] == "login-refused"
        assert health(desk) == "paused"


def long_ago(app: Flask, hours: int) -> None:
    """Move the start of all runs some hours back."""
    with app.app_context(), transaction() as session:
        session.execute(update(FetchRun).values(started_at=now() - timedelta(hours=hours)))


@pytest.mark.parametrize(("words", "stands"), [("no", "paused"), ("server busy", "failing")])
def test_a_day_of_unclear_refusals_pauses_the_account(desk: Desk, app: Flask, words: str, stands: str) -> None:
    with server_of("POP3", words) as server:
        add_account(desk, "POP3", server)
        desk.fetch(code=1)
        long_ago(app, 23)
        desk.fetch(code=1)
        assert health(desk) == "failing"
        long_ago(app, 25)
        desk.fetch(code=1)
        assert health(desk) == stands


def test_a_day_of_another_trouble_is_no_day_of_refusals(desk: Desk, app: Flask) -> None:
    with server_of("POP3", "server busy") as server:
        add_account(desk, "POP3", server)
        desk.fetch(code=1)
        long_ago(app, 30)
        server.answers["PASS"] = b"-ERR no\r\n"  # type: ignore[attr-defined]
        desk.fetch(code=1)
        assert health(desk) == "failing"


@pytest.mark.parametrize(("capa", "words", "minutes"), [
    (b"LOGIN-DELAY 1800", "[LOGIN-DELAY] too soon", 30),
    (b"TOP", "[LIMIT] too many logins, try again in 40 minutes", 40),
    (b"TOP", "[SYS/TEMP] wait 1500 seconds", 25),
])  # fmt: skip
def test_an_account_waits_as_long_as_the_server_says(
    desk: Desk, app: Flask, capa: bytes, words: str, minutes: int
) -> None:
    answers = {"CAPA": b"+OK\r\nUSER\r\n" + capa + b"\r\n.\r\n", "PASS": b"-ERR " + words.encode() + b"\r\n"}
    with Pop3Server(mails(1), answers=answers) as server:
        add_account(desk, "POP3", server)
        desk.fetch(code=1)
    with app.app_context(), read_session() as session:
        due = session.query(AccountState).one().next_run_at
    assert due is not None
    assert abs(due - now() - timedelta(minutes=minutes)) < timedelta(minutes=1)


@pytest.mark.parametrize("carries_out", [True, False])
def test_a_hang_up_at_quit_is_a_note_unless_mail_stays_for_good(desk: Desk, carries_out: bool) -> None:
    """nicm/fdm#87: nothing is lost, so nothing failed; a server that never deletes fails at the second run."""
    with Pop3Server(mails(3)) as server:
        add_account(desk, "POP3", server)

        def hang_up(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
            if carries_out:
                server.messages = []
            connection.cut()

        server.answers["QUIT"] = hang_up
        row = desk.fetch_one()
        assert (row["new"], row["error"]) == (3, None)
        assert "hung up" in row["notes"][0]
        assert health(desk) == "healthy"
        row = desk.fetch_one(code=0 if carries_out else 1)
        assert (row["new"], row["already_recorded"]) == (0, 0 if carries_out else 3)
        del server.answers["QUIT"]
        assert desk.fetch_one()["new"] == 0
        assert server.messages == []
    assert desk.titles() == expected(3)
