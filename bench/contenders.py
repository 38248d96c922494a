"""What is measured: the floor, and ``flask fetch`` on a database."""

from __future__ import annotations

import imaplib
import json
import poplib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.extensions import db
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postgres import Postgres
from tests.servers.process import shell_environment

USER = "bench"
BATCH = 50


@dataclass(frozen=True)
class Lap:
    """One mailbox emptied: seconds of the work itself, and of the whole command with its start."""

    seconds: float
    command_seconds: float


class Contender(Protocol):
    """Something that empties the mailbox."""

    name: str
    deletes: bool
    """Whether it deletes on the server what it took."""

    def empty_mailbox(self) -> Lap:
        """Do it, and say how long it took."""
        ...


class DurablePostgres(Postgres):
    """The cluster of the tests, but one that waits for the disk."""

    def command(self) -> Sequence[str | Path]:
        return (*super().command(), "-c", "fsync=on", "-c", "synchronous_commit=on")


class Floor:
    """Reading and deleting, and nothing else: imaplib in batches of 50. Nobody who reads all mail can be faster."""

    name = "floor"
    deletes = True

    def __init__(self, server: Dovecot) -> None:
        self._server = server

    def empty_mailbox(self) -> Lap:
        """Fetch, flag and expunge batch by batch."""
        start = time.perf_counter()
        client = imaplib.IMAP4("127.0.0.1", self._server.port("imap"))
        client.login(USER, PASSWORD)
        client.select("INBOX")
        uids = client.uid("SEARCH", "ALL")[1][0].decode().split()
        for first in range(0, len(uids), BATCH):
            batch = ",".join(uids[first : first + BATCH])
            client.uid("FETCH", batch, "(BODY.PEEK[])")
            client.uid("STORE", batch, "+FLAGS.SILENT", r"(\Deleted)")
            client.uid("EXPUNGE", batch)
        client.logout()
        seconds = time.perf_counter() - start
        return Lap(seconds, seconds)


class WaitingImap:
    """What a simple fetcher does: one command, its reply, the next command."""

    name = "IMAP, waiting for each reply"
    deletes = True

    def __init__(self, port: int) -> None:
        self._port = port

    def empty_mailbox(self) -> Lap:
        """Fetch and flag message by message, then expunge."""
        start = time.perf_counter()
        client = imaplib.IMAP4("127.0.0.1", self._port)
        client.login(USER, PASSWORD)
        client.select("INBOX")
        for uid in client.uid("SEARCH", "ALL")[1][0].decode().split():
            client.uid("FETCH", uid, "(BODY.PEEK[])")
            client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
        client.expunge()
        client.logout()
        seconds = time.perf_counter() - start
        return Lap(seconds, seconds)


class WaitingPop3:
    """The same with POP3."""

    name = "POP3, waiting for each reply"
    deletes = True

    def __init__(self, port: int) -> None:
        self._port = port

    def empty_mailbox(self) -> Lap:
        """Retrieve and delete message by message."""
        start = time.perf_counter()
        client = poplib.POP3("127.0.0.1", self._port)
        client.user(USER)
        client.pass_(PASSWORD)
        for number in range(1, client.stat()[0] + 1):
            client.retr(number)
            client.dele(number)
        client.quit()
        seconds = time.perf_counter() - start
        return Lap(seconds, seconds)


def flask(environ: Mapping[str, str], *words: str) -> str:
    """What a command prints. Raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", "flask", *words]
    return subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout


class FlaskFetch:
    """``flask fetch`` with durable commits. ``seconds`` is what it says itself; the rest is Python's start.

    ``kind`` is the type of its account; ``port`` is the server's own for that, if none is given.
    """

    deletes = True

    def __init__(
        self,
        name: str,
        server: Dovecot,
        data_dir: Path,
        database_url: str = "",
        *,
        kind: str = "IMAP",
        port: int | None = None,
    ) -> None:
        self.name = name
        self.environ = shell_environment(
            POSTMASTER_DATA_DIR=str(data_dir),
            POSTMASTER_DATABASE_URL=database_url,
            FLASK_APP="postmaster",
            FLASK_SKIP_DOTENV="1",
        )
        credential = f"credential add --kind basic --name bench --username {USER} --password-stdin"
        account = f"account add --type {kind} --host 127.0.0.1 --credential bench --dispatching to --port"
        self._prepare(("db", "upgrade"), credential.split(), (*account.split(), str(port or server.port(kind.lower()))))

    def _prepare(self, *commands: Sequence[str]) -> None:
        """Carry out commands in this process, which spares their start. Raises RuntimeError if one fails."""
        own = {name: value for name, value in self.environ.items() if name.startswith("POSTMASTER_")}
        app = create_app(load_environment(own))
        for words in commands:
            result = app.test_cli_runner().invoke(args=list(words), input=PASSWORD)
            if result.exit_code:
                raise RuntimeError(f"{self.name}: {result.output}")
        with app.app_context():
            db.engine.dispose()

    def empty_mailbox(self) -> Lap:
        """Run the command. Raises RuntimeError if it did not take everything."""
        start = time.perf_counter()
        report = json.loads(flask(self.environ, "fetch", "--json"))
        command_seconds = time.perf_counter() - start
        totals = report["totals"]
        if totals["new"] != totals["found"]:
            raise RuntimeError(f"{self.name}: {totals}")
        return Lap(totals["seconds"], command_seconds)
