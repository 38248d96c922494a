"""``flask setting``: the system configuration."""

from __future__ import annotations

import click

from postmaster.cli.base import Group, actor, print_json
from postmaster.cli.resources import although_named, as_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.desk.configuration import change_setting
from postmaster.system.setting_table import SETTINGS, find_setting
from postmaster.system.settings import get_setting

group = Group("setting", help="Manage the system configuration.")


@group.command("list")
@as_json
def list_(json_: bool) -> None:
    """List all settings; with --json one object per line."""
    with read_session() as session:
        rows = [
            {
                "name": spec.name,
                "value": spec.show(get_setting(session, spec)),
                "default": spec.show(spec.default),
                "unit": spec.unit,
                "description": spec.description,
            }
            for spec in SETTINGS.values()
        ]
    if json_:
        for row in rows:
            print_json(row)
    else:
        print_table(("name", "value", "default", "unit", "description"), (row.values() for row in rows))


@group.command("get")
@click.argument("name")
def get(name: str) -> None:
    """Print the value of the setting NAME."""
    spec = find_setting(name)
    with read_session() as session:
        click.echo(spec.show(get_setting(session, spec)))


@group.command("set")
@click.argument("name")
@click.argument("value")
@although_named
def set_(name: str, value: str, yes: bool) -> None:
    """Set the setting NAME to VALUE."""
    with transaction() as session:
        change_setting(session, name, value, actor(), confirmed=yes)
