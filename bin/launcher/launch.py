"""PostMaster with all it needs, until Ctrl-C; with --demo on sample mail."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from flask.cli import load_dotenv

from bin.launcher.children import Children, Stopped
from bin.launcher.services import (
    NoRedisError,
    StartError,
    listen,
    start_development_web,
    start_redis,
    start_web,
    start_worker,
)
from postmaster import create_app
from postmaster.accounts.sealing import check_keys
from postmaster.config import Environment, load_environment
from postmaster.database import prepare_database, transaction
from postmaster.errors import PostMasterError
from postmaster.system.users import add_first_admin


class Play(Protocol):
    """What is played before the pages start: ``demo`` has one. Returns the exit code of ``--once``."""

    def __call__(self, children: Children, *, flowing: bool = False) -> int: ...


def launch(play: Play | None = None) -> int:
    """Start, wait, stop. Returns the exit code: 0 when stopped as asked, 130 when stopped before it ran."""
    arguments = _arguments(played=play is not None)
    load_dotenv()  # as the flask command does, so that web and command line go by the same environment
    try:
        with Children() as children:
            return _run(children, arguments, play)
    except (StartError, PostMasterError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except Stopped:
        return 130


def _arguments(*, played: bool) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/start", description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=5000, help="port of the pages on 127.0.0.1 (default: 5000)")
    parser.add_argument(
        "--reload",
        action="store_true",
        help="for work on the pages: Flask's development server, which takes up changes of code, templates and styles "
        "at once (the worker goes on as it was started)",
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="work in instance-demo/ on a local sample mail server with 200 messages; never touches real data",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="with --demo: no pages; exit 0 if each sample message is recorded exactly once, else 1",
    )
    arguments = parser.parse_args()
    if arguments.once and not played:
        parser.error("--once goes with --demo: bin/start --demo --once")
    return arguments


def _run(children: Children, arguments: argparse.Namespace, play: Play | None) -> int:
    environment = load_environment()
    with _alone(environment):
        if play and arguments.once:
            return play(children)
        listener = listen(arguments.port)
        _prepare(environment)
        variables = dict(os.environ)
        if environment.redis_url is None:
            variables |= _redis(children, environment.data_dir)
        if play:
            play(children, flowing=True)
        url = (start_development_web if arguments.reload else start_web)(children, listener, variables)
        if variables.get("POSTMASTER_REDIS_URL"):
            start_worker(children, variables)
        print(f"PostMaster is at {url} (Ctrl-C stops it).", flush=True)
        return _serve(children)


@contextmanager
def _alone(environment: Environment) -> Iterator[None]:
    """Holds a lock on the data directory: a second Redis on it would take the socket away from the first."""
    with (environment.data_dir / "start.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"bin/start runs already on {environment.data_dir}. Stop it first.") from None
        yield


def _prepare(environment: Environment) -> None:
    """See that there are tables, and somebody who can sign in."""
    with create_app(environment).app_context():
        prepare_database()
        check_keys()
        with transaction() as session:
            password = add_first_admin(session, "bin/start")
    if password:
        print(f"Sign in as admin with the password {password} (shown only now; change it in the pages).", flush=True)


def _redis(children: Children, data_dir: Path) -> dict[str, str]:
    try:
        return {"POSTMASTER_REDIS_URL": start_redis(children, data_dir, os.environ)}
    except NoRedisError as error:
        print(f"{error} Until then pages and commands work, but the worker does not.", file=sys.stderr)
        return {}


def _serve(children: Children) -> int:
    try:
        name, code = children.wait()
    except Stopped:
        print("Stopping …", file=sys.stderr)
        return 0
    print(f"Error: {name} ended unexpectedly with code {code}, so the rest is stopped too.", file=sys.stderr)
    return 1
