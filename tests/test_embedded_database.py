"""The embedded database, shared by processes that come and go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text

from postmaster import create_app, database
from postmaster.config import load_environment
from postmaster.database import prepare_database, read_session
from postmaster.extensions import db
from postmaster.system.settings import TICKETS_PER_SENDER, get_setting
from tests import disk
from tests.servers.flask_process import FlaskProcesses


def ready(app: Flask) -> None:
    """Prepare the database, and leave a connection to it open, as a process that serves does."""
    with app.app_context():
        prepare_database()
        with read_session() as session:
            session.execute(text("SELECT count(*) FROM setting"))


def seen(app: Flask) -> int:
    """The setting, as that app sees it."""
    with app.app_context(), read_session() as session:
        return get_setting(session, TICKETS_PER_SENDER)


@pytest.mark.parametrize("how", ["by another app", "by threads at once"])
def test_a_process_that_prepares_the_database_again_still_sees_what_others_write(
    unused_app: Flask, environ: dict[str, str], flask_process: FlaskProcesses, how: str
) -> None:
    """To open the database's file and close it again would release all locks that connections of this process have."""
    if how == "by threads at once":
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(ready, [unused_app] * 4))
    else:
        ready(unused_app)
        ready(create_app(load_environment(environ)))
    for value in (41, 42):
        # A process of its own is the last to close the database if it sees no other.
        assert flask_process(environ, "setting", "set", TICKETS_PER_SENDER.name, str(value)).returncode == 0
        assert seen(unused_app) == value


@pytest.mark.database("sqlite")
def test_a_commit_waits_for_the_disk_unless_it_is_one_of_these_tests(
    unused_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail is deleted on the server after the commit, which no power cut may take back."""
    off, full = 0, 2
    with unused_app.app_context():
        for pragmas, level in ((database.SQLITE_PRAGMAS, off), (disk.WAITING, full)):
            monkeypatch.setattr(database, "SQLITE_PRAGMAS", pragmas)
            db.engine.dispose()
            with read_session() as session:
                assert session.scalar(text("PRAGMA synchronous")) == level
