"""``flask db``: Flask-Migrate's commands. They bring Alembic, a tenth of the time that any command takes to start."""

from __future__ import annotations

from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import Migrate
from flask_migrate.cli import db as theirs

from postmaster.extensions import db
from postmaster.schema import MIGRATIONS


@click.group("db", params=theirs.params, commands=theirs.commands, help=theirs.help)
@with_appcontext
def group(**options: Any) -> None:
    """Make them known to the app, and do what their group does."""
    Migrate().init_app(current_app, db, directory=str(MIGRATIONS))
    click.get_current_context().invoke(theirs, **options)
