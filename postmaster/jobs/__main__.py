"""``postmaster-worker``: fetch mail by itself."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import time
from types import FrameType

from flask import Flask
from flask.cli import load_dotenv
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from postmaster import config, create_app
from postmaster.accounts.sealing import check_keys
from postmaster.broker import connect
from postmaster.cli.door import show_error
from postmaster.config import load_environment
from postmaster.database import database_message, prepare_database
from postmaster.errors import ConfigError, PostMasterError
from postmaster.extensions import db
from postmaster.jobs.roles import RETRY_SECONDS, run_outlets, run_scheduler, run_worker
from postmaster.jobs.supervisor import STOP_SIGNALS, Child, Supervisor
from postmaster.logs import load_entries
from postmaster.quantity import quantity

DESCRIPTION = """\
Fetch mail by itself: starts worker processes, which fetch, a scheduler, which says when, and a process that hands
events over to outlets. It can run on several hosts at once; they share POSTMASTER_REDIS_URL and
POSTMASTER_DATABASE_URL, and need no further set-up.

SIGTERM and Ctrl-C end it in an orderly way: runs finish their current batch and give the mailbox back. A second one
ends it at once; that loses no mail either.
"""

EPILOG = """\
Settings: POSTMASTER_WORKERS (number of worker processes, 2), POSTMASTER_REDIS_URL, and those of all commands; see
docs/reference.md#environment. How it stands: flask status. Exit status: 0 ended as asked, 2 wrong usage or
configuration, 130 ended by a second signal.
"""


def main() -> int:
    """Run until told to end; returns the exit code."""
    arguments = _arguments()
    load_entries()
    load_dotenv()  # as the flask command does, so that all go by the same settings
    try:
        settings = load_environment()
        app = create_app(dataclasses.replace(settings, workers=arguments.workers or settings.workers))
        _check(app)
    except PostMasterError as error:
        show_error(error)
        return error.exit_code
    children = [Child(f"worker {number + 1}", run_worker) for number in range(config.of(app).workers)]
    if not arguments.no_scheduler:
        children.append(Child("outlets", run_outlets))
        children.append(Child("scheduler", run_scheduler))
    print(f"The worker runs with {quantity(len(children), 'process', 'processes')} (Ctrl-C stops it).", flush=True)  # noqa: T201
    return Supervisor(app, children).run()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="postmaster-worker",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--workers", type=int, choices=range(1, 65), metavar="N", help="worker processes, 1 to 64")
    parser.add_argument(
        "--no-scheduler", action="store_true", help="fetch only; another host has a scheduler, and hands events over"
    )
    return parser.parse_args()


def _check(app: Flask) -> None:
    """Check that there is a database, and a Redis that is named; one that is away at the moment may come back."""
    for number in STOP_SIGNALS:  # from ``Supervisor.run`` on it waits for its children
        signal.signal(number, _end)
    with app.app_context():
        _wait_for_database()
        check_keys()
        try:
            connect().ping()
        except RedisError as error:
            _say(f"Redis is out of reach at the moment ({error}); waiting for it.")
        db.engine.dispose()  # no process may inherit a connection


def _wait_for_database() -> None:
    """Until the database answers. Raises ConfigError if waiting does not help."""
    told = ""
    while (reason := _database_away()) is not None:
        if reason != told:
            _say(f"The database is out of reach at the moment ({reason}); waiting for it.")
            told = reason
        time.sleep(RETRY_SECONDS)
    if told:
        _say("The database is back.")


def _database_away() -> str | None:
    """Why a database server cannot be reached; None if it can, or if there is none but a file."""
    try:
        prepare_database()
    except ConfigError as error:
        if config.current().embedded or not isinstance(error.__cause__, OperationalError):
            raise
        return database_message(error.__cause__)
    return None


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201


def _end(_number: int, _frame: FrameType | None) -> None:
    """Nothing has begun that would have to be finished. An exception could be lost, or caught by who imports."""
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
