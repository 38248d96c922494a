"""A back-up that is restored, as the guide says, goes on with the mail that is still on the server."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from postmaster import create_app
from postmaster.config import load_environment
from tests.results import runner_of
from tests.servers.fixtures import TestMailbox
from tests.servers.postgres import Postgres
from tests.support import Desk, mail


class SqliteFile:
    """The file of the data directory."""

    def __init__(self, data_dir: Path, folder: Path) -> None:
        self._file, self._backup = data_dir / "postmaster.sqlite", folder / "backup.sqlite"
        self.environ = {"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_DATABASE_URL": ""}

    def back_up(self) -> None:
        connection = sqlite3.connect(self._file)
        connection.execute("VACUUM INTO ?", (str(self._backup),))
        connection.close()

    def restore(self) -> None:
        for ending in ("-wal", "-shm"):
            self._file.with_name(self._file.name + ending).unlink(missing_ok=True)
        self._file.unlink()
        shutil.copy(self._backup, self._file)


class PostgresDatabase:
    """A database of a server."""

    def __init__(self, data_dir: Path, folder: Path, server: Postgres) -> None:
        self._server, self._backup, self._url = server, folder / "backup.dump", server.create_database()
        self.environ = {"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_DATABASE_URL": self._url}

    def back_up(self) -> None:
        command = ["pg_dump", "--format=custom", f"--file={self._backup}", self._url]
        subprocess.run(command, check=True, capture_output=True)

    def restore(self) -> None:
        name = self._server.name_of(self._url)
        self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._server.execute(f"CREATE DATABASE {name}")
        command = ["pg_restore", "--exit-on-error", "--no-owner", f"--dbname={self._url}", str(self._backup)]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(
    request: pytest.FixtureRequest, data_dir: Path, tmp_path: Path, postgres: Postgres
) -> SqliteFile | PostgresDatabase:
    """A database that can be backed up and restored."""
    if request.param == "sqlite":
        return SqliteFile(data_dir, tmp_path)
    return PostgresDatabase(data_dir, tmp_path, postgres)


def desk_of(kept: SqliteFile | PostgresDatabase, environ: dict[str, str]) -> Desk:
    """A new process of the program, on its tables."""
    desk = Desk(runner_of(create_app(load_environment({**environ, **kept.environ}))))
    desk.ok("db", "upgrade")
    return desk


def test_a_restored_database_takes_what_is_on_the_server_and_nothing_twice(
    kept: SqliteFile | PostgresDatabase, environ: dict[str, str], mailbox: TestMailbox
) -> None:
    desk = desk_of(kept, environ)
    account = desk.account(mailbox)
    mailbox.deliver(mail("before the back-up"))
    desk.fetch("--account", account)
    kept.back_up()
    mailbox.deliver(mail("lost with the disk"))
    desk.fetch("--account", account)
    told = desk.ok("event", "list", "--json").json_lines
    kept.restore()
    mailbox.deliver(mail("after the restore"))
    desk = desk_of(kept, environ)
    assert desk.fetch("--account", account)["totals"]["new"] == 1
    assert [ticket["title"] for ticket in desk.tickets()] == ["before the back-up", "after the restore"]
    assert mailbox.count() == 0
    [after] = desk.ok("event", "list", "--json", "--after", told[-1]["sequence"]).json_lines
    assert after["data"]["ticket"]["title"] == "after the restore", "a program that reads on misses it"
    assert after["id"] not in {event["id"] for event in told}
