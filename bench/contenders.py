"""What is measured: the floor, and ``flask fetch`` on a database."""

from __future__ import annotations

import imaplib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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


class FlaskFetch:
    """``flask fetch`` with durable commits. ``seconds`` is what it says itself; the rest is Python's start."""

    def __init__(self, name: str, server: Dovecot, data_dir: Path, database_url: str = "") -> None:
        self.name = name
        self._environ = shell_environment(
            POSTMASTER_DATA_DIR=str(data_dir),
            POSTMASTER_DATABASE_URL=database_url,
            FLASK_APP="postmaster",
            FLASK_SKIP_DOTENV="1",
        )
        if database_url:
            self._flask("db", "upgrade")
        credential = f"credential add --kind basic --name bench --username {USER} --password-stdin"
        self._flask(*credential.split())
        account = "account add --type IMAP --host 127.0.0.1 --credential bench --dispatching to --port"
        self._flask(*account.split(), str(server.port("imap")))

    def empty_mailbox(self) -> Lap:
        """Run the command. Raises RuntimeError if it did not take everything."""
        start = time.perf_counter()
        report = json.loads(self._flask("fetch", "--json"))
        command_seconds = time.perf_counter() - start
        totals = report["totals"]
        if totals["new"] != totals["found"]:
            raise RuntimeError(f"{self.name}: {totals}")
        return Lap(totals["seconds"], command_seconds)

    def _flask(self, *words: str) -> str:
        command = [sys.executable, "-m", "flask", *words]
        result = subprocess.run(
            command, env=self._environ, input=PASSWORD, stdout=subprocess.PIPE, text=True, check=True
        )
        return result.stdout
