"""The app as the tests of the main job use it: by its command line."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Flask

from postmaster.extensions import db
from tests.results import Result, Run

if TYPE_CHECKING:
    from tests.servers.fixtures import TestMailbox

_NUMBERS = itertools.count(1)

# The name of Dovecot's port for each type.
SERVICES = {"IMAP": "imap", "IMAPS": "imaps", "IMAPTLS": "imap", "POP3": "pop3", "POP3S": "pop3s", "POP3TLS": "pop3"}


def mail(
    subject: str,
    *,
    sender: str = "Ada Lovelace <ada@example.net>",
    to: str = "desk@example.org",
    body: str = "Hello.",
    size: int = 0,
    headers: Sequence[str] = (),
) -> bytes:
    """A small message; ``size`` pads its body to about that many bytes."""
    number = next(_NUMBERS)
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Message-ID: <{number}.{subject.replace(' ', '.')}@example.net>",
        "Date: Mon, 23 Nov 2026 09:12:00 +0100",
        *headers,
        "",
        body,
        *["x" * 70] * (size // 72),
        "",
    ]
    return "\r\n".join(lines).encode()


def mails(count: int, **options: Any) -> list[bytes]:
    """``count`` messages with the subjects "mail 0", "mail 1" …, each from somebody else: see TicketsPerSenderHour."""
    return [mail(f"mail {number}", sender=f"ada.{number}@example.net", **options) for number in range(count)]


class Desk:
    """The commands, and shorthands for what tests look at."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def ok(self, *args: object, input: str | bytes | None = None) -> Result:  # noqa: A002 - click's word
        """Run a command that must succeed."""
        result = self.run(*args, input=input)
        assert result.exit_code == 0, result.stderr or result.stdout
        return result

    def credential(self, username: str, password: str) -> str:
        """Add a credential; returns its name."""
        name = f"credential-{next(_NUMBERS)}"
        options = ("--kind", "basic", "--name", name, "--username", username)
        self.ok("credential", "add", *options, "--password-stdin", input=f"{password}\n")
        return name

    def account(self, mailbox: TestMailbox, kind: str = "IMAP", **options: object) -> str:
        """Add an account on ``mailbox``; options as on the command line. Returns its id."""
        defaults: dict[str, object] = {
            "type": kind,
            "host": "127.0.0.1",
            "port": mailbox.server.port(SERVICES[kind]),
        }
        if "credential" not in options:
            defaults["credential"] = self.credential(mailbox.user, mailbox.password)
        return self.add_account(**{**defaults, **options})

    def add_account(self, **options: object) -> str:
        """Add an account with exactly these options; returns its id."""
        args = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        return self.ok("account", "add", *args).stdout.strip()

    def fetch(self, *args: object, code: int = 0) -> Any:
        """``flask fetch --json``, which must end with ``code``; returns the object it prints."""
        result = self.run("fetch", "--json", *args)
        assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr)
        return result.json

    def fetch_one(self, *args: object, code: int = 0) -> Any:
        """The row of the only account."""
        [row] = self.fetch(*args, code=code)["accounts"]
        assert row["found"] == sum(
            row[name]
            for name in (
                "new",
                "follow_up",
                "ignored",
                "rejected",
                "quarantined",
                "already_recorded",
                "gone",
                "left",
            )
        )
        return row

    def tickets(self, *args: object) -> list[Any]:
        """``flask ticket list --json``."""
        return self.ok("ticket", "list", "--json", *args).json_lines

    def titles(self) -> Counter[str]:
        """How many tickets there are by each title."""
        return Counter(ticket["title"] for ticket in self.tickets())


def expected(count: int) -> Counter[str]:
    """The titles that ``mails(count)`` become, each once."""
    return Counter(f"mail {number}" for number in range(count))


def refuse_title(app: Flask, title: str) -> None:
    """Make the database of ``app`` refuse each ticket with that title, as it does a message that it cannot hold."""
    with app.app_context(), db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ALTER TABLE ticket ADD CHECK (title <> '{title}')")
        else:
            refusal = f"WHEN NEW.title = '{title}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
            connection.exec_driver_sql(f"CREATE TRIGGER refuse BEFORE INSERT ON ticket {refusal}")
