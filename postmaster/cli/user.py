"""``flask user``: who may sign in to the pages."""

from __future__ import annotations

import sys

import click

from postmaster.cli.base import Group, actor, given_secret, print_json
from postmaster.cli.resources import as_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.system.models import Role, User
from postmaster.system.users import (
    NAME,
    ROLE,
    USER_PASSWORD,
    add_user,
    set_active,
    set_password,
    set_role,
    stream_users,
)

group = Group("user", help="Manage who may sign in to the pages.")
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
def add(name: str, role: str, password_stdin: bool) -> None:
    """Add a user; prints the id."""
    password = _password(password_stdin)
    with transaction() as session:
        user = add_user(session, name, role, password, actor())
    click.echo(user.id)


@group.command("list")
@as_json
def list_(json_: bool) -> None:
    """List all users; with --json one object per line."""
    with read_session() as session:
        rows = map(_row, stream_users(session))
        if json_:
            for row in rows:
                print_json(row)
        else:
            print_table(("id", "name", "role", "active", "created"), (row.values() for row in rows))


def _row(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role.value,
        "active": user.active,
        "created": user.created_at.isoformat(),
    }


@group.command("set-password")
@click.argument("name")
@password_stdin
def set_password_(name: str, password_stdin: bool) -> None:
    """Set a new password for the user NAME."""
    password = _password(password_stdin)
    with transaction() as session:
        set_password(session, name, password, actor())


@group.command("set-role")
@click.argument("name")
@click.argument("role", metavar=ROLE.metavar)
def set_role_(name: str, role: str) -> None:
    """Make the user NAME an admin or a lead; their sessions end."""
    with transaction() as session:
        set_role(session, name, role, actor())


@group.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Keep the user NAME from signing in."""
    with transaction() as session:
        set_active(session, name, False, actor())


@group.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Allow the user NAME to sign in again."""
    with transaction() as session:
        set_active(session, name, True, actor())
