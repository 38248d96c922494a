"""``flask user``: who may sign in to the pages."""

from __future__ import annotations

import sys

import click

from postmaster.cli.base import Group, actor, given_secret, print_json, public_address
from postmaster.cli.resources import as_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.extensions import Json
from postmaster.quantity import quantity
from postmaster.system.models import Role, User, WebSession
from postmaster.system.password_resets import RESET_PATH, VALID_HOURS, create_reset_link
from postmaster.system.sessions import key_of, live_sessions, sessions_of
from postmaster.system.users import (
    NAME,
    ROLE,
    USER_PASSWORD,
    add_user,
    named_user,
    set_active,
    set_password,
    set_role,
    sign_out,
    stream_users,
)

group = Group("user", help="Manage who may sign in to the pages.")
which = click.argument("name")
password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, not from a prompt."
)


def _password(from_stdin: bool) -> str:
    if not (from_stdin or sys.stdin.isatty()):
        raise click.UsageError("Without a terminal to ask on, the password needs --password-stdin.")
    return given_secret(USER_PASSWORD.label, confirm=True)


@group.command("add")
@click.option(NAME.option, NAME.name, default="", metavar=NAME.metavar, help=f"{NAME.help}  [mandatory]")
@click.option(ROLE.option, ROLE.name, default=Role.ADMIN.value, metavar=ROLE.metavar, show_default=True, help=ROLE.help)
@password_stdin
@click.option("--link", is_flag=True, help="Ask for no password: print a link by which the user chooses one.")
def add(name: str, role: str, password_stdin: bool, link: bool) -> None:
    """Add a user; prints the id."""
    address = public_address("") if link else ""
    password = None if link else _password(password_stdin)
    with transaction() as session:
        user = add_user(session, name, role, password, actor())
        token = create_reset_link(session, user.name, actor()) if link else ""
    click.echo(user.id)
    if link:
        _print_link(address, token)


def _print_link(address: str, token: str) -> None:
    click.echo(f"{address}{RESET_PATH}{token}")
    click.echo(f"The link is good once, for {VALID_HOURS} hours, and is not shown again.", err=True)


@group.command("list")
@as_json
def list_(json_: bool) -> None:
    """List all users; with --json one object per line."""
    with read_session() as session:
        live = live_sessions(session)
        rows = [_row(user, len(live.get(user.id, ()))) for user in stream_users(session)]
    if json_:
        for row in rows:
            print_json(row)
    else:
        columns = ("id", "name", "role", "active", "created", "last_sign_in", "sessions")
        print_table([column.replace("_", " ") for column in columns], (row.values() for row in rows))


def _row(user: User, sessions: int) -> Json:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role.value,
        "active": user.active,
        "created": user.created_at.isoformat(),
        "last_sign_in": user.signed_in_at.isoformat() if user.signed_in_at else None,
        "sessions": sessions,
    }


@group.command("set-password")
@which
@password_stdin
def set_password_(name: str, password_stdin: bool) -> None:
    """Set a new password for the user NAME; their sessions end."""
    password = _password(password_stdin)
    with transaction() as session:
        set_password(session, name, password, actor())


@group.command("reset-link")
@which
def reset_link(name: str) -> None:
    """Print a link by which the user NAME chooses a new password: good once, for a day. An older one ends."""
    address = public_address("")
    with transaction() as session:
        token = create_reset_link(session, name, actor())
    _print_link(address, token)


@group.command("set-role")
@which
@click.argument("role", metavar=ROLE.metavar)
def set_role_(name: str, role: str) -> None:
    """Make the user NAME an admin or a lead; their sessions end."""
    with transaction() as session:
        set_role(session, name, role, actor())


@group.command("disable")
@which
def disable(name: str) -> None:
    """Keep the user NAME from signing in; their sessions end."""
    with transaction() as session:
        set_active(session, name, False, actor())


@group.command("enable")
@which
def enable(name: str) -> None:
    """Allow the user NAME to sign in again."""
    with transaction() as session:
        set_active(session, name, True, actor())


@group.command("sessions")
@which
@as_json
def sessions(name: str, json_: bool) -> None:
    """List where the user NAME is signed in; with --json one object per line."""
    with read_session() as session:
        rows = [_session_row(each) for each in sessions_of(session, named_user(session, name).id)]
    if json_:
        for row in rows:
            print_json(row)
    else:
        columns = ("session", "address", "signed_in", "seen", "browser")
        print_table([column.replace("_", " ") for column in columns], (row.values() for row in rows))


def _session_row(web_session: WebSession) -> Json:
    return {
        "session": key_of(web_session),
        "address": web_session.address,
        "signed_in": web_session.created_at.isoformat(),
        "seen": web_session.seen_at.isoformat(),
        "browser": web_session.user_agent,
    }


@group.command("sign-out")
@which
@click.argument("session_key", required=False, metavar="[SESSION]")
def sign_out_(name: str, session_key: str | None) -> None:
    """Sign the user NAME out everywhere, or end one SESSION that “flask user sessions” lists."""
    with transaction() as session:
        ended = sign_out(session, name, actor(), session_key)
    click.echo(f"{quantity(ended, 'session')} ended.")
