"""PostMaster turns mailboxes into tickets."""

from __future__ import annotations

# ruff: noqa: E402 - streams, the guard, signals and the threshold come before the imports
from postmaster.pipe_guard import guard_pipe
from postmaster.signals import hear_signals
from postmaster.streams import open_streams

open_streams()
guard_pipe()
hear_signals()

import atexit
import gc

# Objects after which Python looks for cycles. Starting makes very many objects, as does a batch of mail, and hardly a
# cycle (measured: at the usual 700, looking takes a fifth of the time of starting, and 6 % of that of recording mail).
GARBAGE_THRESHOLD = 10_000
gc.set_threshold(GARBAGE_THRESHOLD)

# What a process holds at its end, the system takes back. Python would look for cycles in it (measured: a third of the
# processor time of a command that has nothing to do). What has to be closed is closed at exit: see ``database``.
atexit.register(gc.freeze)

from pathlib import Path

from flask import Flask

from postmaster import cli, config, database
from postmaster.application import LazyApplication
from postmaster.cli.door import ending_command
from postmaster.config import Environment, load_environment
from postmaster.logs import configure_logging

PACKAGE = Path(__file__).parent


def create_app(environment: Environment | None = None) -> LazyApplication:
    """The application, with ``environment`` or that of the process. Raises ConfigError if it is wrong."""
    with ending_command():
        return _create_app(environment or load_environment())


def _create_app(environment: Environment) -> LazyApplication:
    configure_logging(environment.log_format)
    app = LazyApplication(
        "postmaster",
        register=_register_pages,
        instance_path=str(environment.data_dir),
        template_folder=_resource_folder("templates"),
        static_folder=_resource_folder("static"),
    )
    app.config[config.APP_KEY] = environment
    app.config["SECRET_KEY"] = environment.secret_key
    database.init_app(app)
    cli.init_app(app)
    return app


def _register_pages(app: Flask) -> None:
    from postmaster import api, web

    web.init_app(app)
    api.init_app(app)
    web.leave_alone(api.blueprint)


def _resource_folder(name: str) -> str:
    """``templates`` or ``static``: inside the package in a wheel, at the top of the repository otherwise."""
    packaged = PACKAGE / name
    return str(packaged if packaged.is_dir() else PACKAGE.parent / name)
