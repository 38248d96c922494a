"""A private PostgreSQL cluster, reached over a unix socket."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import psycopg

from tests.servers.lending import Lending
from tests.servers.ports import wait_until
from tests.servers.process import Server, run_as


def _programs() -> Path:
    """Where initdb and postgres are: Debian does not put them on PATH."""
    found = shutil.which("initdb")
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Path(found).parent if found else candidates[0]


# The database with all tables that others are copied from.
MODEL = "model"


class Postgres(Server):
    """A cluster that does not wait for the disk. It survives ``kill`` and ``start`` with what it had committed."""

    user = "postgres"
    stop_signal = signal.SIGINT
    last_signal = signal.SIGQUIT  # it ends at once, and leaves no shared memory behind

    def __init__(self, pattern: Path | None = None, data: Path | None = None) -> None:
        """``pattern`` is what ``make_pattern`` has made: to copy it takes a tenth of the time of making a cluster.

        ``data`` is where the files of the cluster stay when it is gone; they may be there.
        """
        super().__init__()
        self._data = data or self.folder / "data"
        self._numbers = itertools.count(1)
        self._lending = Lending(self, self._copy, self._new_name)
        self._programs = _programs()
        self._has_model = pattern is not None
        identity = run_as(self.user)
        if identity:
            for folder in {self.folder, self._data.parent}:
                os.chown(folder, identity["user"], identity["group"])
        if pattern:
            subprocess.run(["cp", "-a", pattern / "data", self.folder], check=True)
        if self._data.exists():
            return
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        subprocess.run(
            [self._programs / "initdb", "-D", self._data, *options],
            cwd=self.folder,
            check=True,
            capture_output=True,
            **identity,
        )

    def command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "max_connections": "100",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return (self._programs / "postgres", "-D", self._data, *options)

    def wait_ready(self) -> None:
        wait_until(self._answers, "postgres")

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, encoding: str = "UTF8") -> str:
        """The URL of a new, empty database."""
        name = f"test{next(self._numbers)}"
        form = "" if encoding == "UTF8" else f" ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        self.execute(f'CREATE DATABASE "{name}"{form}')
        return self.url_of(name)

    def keep_database(self, name: str) -> str:
        """The URL of the database of that name, which is made if it is not there."""
        with psycopg.connect(self.url_of("postgres")) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if known is None:
            self.execute(f'CREATE DATABASE "{name}"')
        return self.url_of(name)

    def copy_database(self) -> str:
        """The URL of a new database with all its tables, which ``flask db upgrade`` finds nothing to do in."""
        return self.url_of(self._copy())

    def _copy(self) -> str:
        name = self._new_name()
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._model}"')
        return name

    def _new_name(self) -> str:
        return f"copy{next(self._numbers)}"

    @contextmanager
    def lend_database(self) -> Iterator[dict[str, str]]:
        """The variables that name a new database with all its tables; it is gone afterwards."""
        with self._lending.lend() as name:
            yield {"POSTMASTER_DATABASE_URL": self.url_of(name)}

    @cached_property
    def _model(self) -> str:
        """The name of a database with all its tables, made once: copying it takes a twentieth of the time."""
        if not self._has_model:
            self.execute(f'CREATE DATABASE "{MODEL}"')
            own = {"POSTMASTER_DATA_DIR": str(self.folder / "model"), "POSTMASTER_DATABASE_URL": self.url_of(MODEL)}
            command = [sys.executable, "-m", "flask", "--app", "postmaster", "db", "upgrade"]
            subprocess.run(command, env={**os.environ, **own}, check=True, capture_output=True)
        return MODEL

    @staticmethod
    def name_of(url: str) -> str:
        """The name of the database at ``url``."""
        return url.partition("?")[0].rpartition("/")[2]

    def url_of(self, name: str) -> str:
        """The URL of the database of that name."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Carry out a statement of the cluster's owner."""
        with psycopg.connect(self.url_of("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)  # type: ignore[arg-type]


def make_pattern(folder: Path) -> None:
    """Leave a cluster in ``folder`` that has the model and does not run."""
    with Postgres() as server:
        assert server._model
        server.stop()
        subprocess.run(["cp", "-a", server.folder / "data", folder], check=True)
