"""The pages: a blueprint a noun."""

from __future__ import annotations

from flask import Blueprint, Flask, request

from postmaster import limits
from postmaster.database import prepare_database
from postmaster.logs import load_entries
from postmaster.web import (
    access,
    accounts,
    addresses,
    articles,
    asked,
    assets,
    audit,
    bulk,
    credentials,
    customers,
    errors,
    filters,
    fingerprints,
    mail,
    monitoring,
    navigation,
    operation,
    outlets,
    programs,
    pulse,
    quarantine,
    queues,
    runs,
    search,
    security,
    session,
    settings,
    status,
    strips,
    targets,
    tickets,
    times,
    tokens,
    users,
    wall,
    why,
)
from postmaster.web import help as help_pages

BLUEPRINTS = (
    status,
    wall,
    tickets,
    articles,
    quarantine,
    mail,
    why,
    runs,
    accounts,
    credentials,
    addresses,
    queues,
    filters,
    customers,
    outlets,
    operation,
    targets,
    settings,
    users,
    tokens,
    programs,
    audit,
    help_pages,
    search,
)


def init_app(app: Flask) -> None:
    """Register the blueprints and what all pages share."""
    load_entries()
    asked.init_app(app)
    bulk.init_app(app)
    security.init_app(app)
    errors.init_app(app)
    times.init_app(app)
    strips.init_app(app)
    fingerprints.init_app(app)
    assets.init_app(app)
    navigation.init_app(app)
    help_pages.init_app(app)
    pulse.init_app(app)
    limits.init_app(app)
    app.before_request(_prepare)
    session.init_app(app)
    access.init_app(app)
    for module in BLUEPRINTS:
        app.register_blueprint(module.blueprint)
    app.register_blueprint(monitoring.blueprint)


def _prepare() -> None:
    """Check that the database is there, as before each command. Files need none; what monitors says what is missing."""
    if request.endpoint not in ("static", "monitoring.icon", "monitoring.healthz", "monitoring.readyz"):
        prepare_database()


def leave_alone(blueprint: Blueprint) -> None:
    """Ask neither for a session nor for the token of a form there: no cookie counts, so no other site can use one."""
    security.csrf.exempt(blueprint)
    security.WITHOUT_COOKIES.add(blueprint.name)
    access.ELSEWHERE.add(blueprint.name)
