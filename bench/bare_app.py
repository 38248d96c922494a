"""The least that a command of such an application costs: Flask, SQLAlchemy and Migrate, one table, one query."""

from __future__ import annotations

import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the one model."""


db = SQLAlchemy(model_class=Base)


class Thing(db.Model):  # type: ignore[name-defined, misc]
    """Something in a table."""

    id: Mapped[int] = mapped_column(primary_key=True)


def create_app() -> Flask:
    """The application, whose command ``one`` makes the table if need be, and reads it."""
    app = Flask("bare")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['BARE_DATABASE']}"
    db.init_app(app)
    Migrate(app, db)

    @app.cli.command("one")
    def one() -> None:
        db.create_all()
        db.session.execute(select(Thing)).all()

    return app
