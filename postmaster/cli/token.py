"""``flask token``: what programs sign in to the API with."""

from __future__ import annotations

import click

from postmaster import config
from postmaster.cli.base import Group, actor, print_json
from postmaster.cli.resources import as_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.desk.api_tokens import (
    EXPIRES,
    NAME,
    QUEUE,
    SCOPE,
    NewToken,
    add_token,
    describe_token,
    queue_names,
    revoke_token,
    stream_tokens,
)

group = Group("token", help="Manage what programs sign in to the API with.")

COLUMNS = ("id", "name", "state", "scopes", "queues", "created", "expires", "last_used")


@group.command("add")
@click.option(NAME.option, NAME.name, default="", metavar=NAME.metavar, help=f"{NAME.help}  [mandatory]")
@click.option(
    SCOPE.option, "scopes", multiple=True, metavar=SCOPE.metavar, help=f"{SCOPE.help}  [mandatory; may be repeated]"
)
@click.option(QUEUE.option, "queues", multiple=True, metavar=QUEUE.metavar, help=f"{QUEUE.help}  [may be repeated]")
@click.option(EXPIRES.option, EXPIRES.name, default="", metavar=EXPIRES.metavar, help=EXPIRES.help)
@as_json
def add(name: str, scopes: tuple[str, ...], queues: tuple[str, ...], expires: str, json_: bool) -> None:
    """Add a token, and print it: this once, for only its hash is kept."""
    entered = NewToken(name, scopes, queues, expires)
    with transaction() as session:
        token, secret = add_token(session, entered, actor(), config.current().time_zone)
        row = describe_token(token, queue_names(session))
    if json_:
        print_json({**row, "token": secret})
    else:
        click.echo(secret)


@group.command("list")
@as_json
def list_(json_: bool) -> None:
    """List all tokens, without their secrets; with --json one object per line."""
    with read_session() as session:
        names = queue_names(session)
        rows = (describe_token(token, names) for token in stream_tokens(session))
        if json_:
            for row in rows:
                print_json(row)
        else:
            print_table(COLUMNS, (_cells(row) for row in rows))


def _cells(row: dict[str, object]) -> list[object]:
    words = {name: ", ".join(map(str, value)) for name, value in row.items() if isinstance(value, list)}
    return [(row | words)[column] for column in COLUMNS]


@group.command("revoke")
@click.argument("which", metavar="TOKEN")
@as_json
def revoke(which: str, json_: bool) -> None:
    """Revoke a token, by its name or id: from now on it opens nothing."""
    with transaction() as session:
        revoked = revoke_token(session, which, actor())
    if json_:
        print_json({"revoked": revoked})
    elif not revoked:
        click.echo("No changes.")
