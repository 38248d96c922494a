"""``flask account test``: try an account step by step, changing nothing on its server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from flask import current_app
from flask.cli import with_appcontext

from postmaster.cli.base import guarded, print_json
from postmaster.config import Settings
from postmaster.database import reading
from postmaster.desk.configuration import account_service
from postmaster.errors import MailError
from postmaster.intake.endpoint import endpoint_of
from postmaster.sources.probe import ProbeStage, probe

MARKS = {"ok": "✓", "fail": "✗", "skip": "–"}


@click.command()
@click.argument("which", metavar="ACCOUNT")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
@guarded
def test(which: str, as_json: bool) -> None:
    """Test the connection of one account, by its id or label, stage by stage. Nothing on the server changes.

    \b
    Exit status: 0 all stages went well, 1 one failed, 2 wrong usage or configuration.
    """
    stages: list[ProbeStage] = []
    for stage in _stages(which):
        stages.append(stage)
        if not as_json:
            _print(stage)
    ok = all(stage.state != "fail" for stage in stages)
    if as_json:
        print_json({"ok": ok, "stages": [stage.as_dict() for stage in stages]})
    sys.exit(0 if ok else 1)


def _stages(which: str) -> Iterator[ProbeStage]:
    """The stages as they end. An account that cannot even sign in, for want of a credential, fails at that stage."""
    settings: Settings = current_app.config["SETTINGS"]
    with reading() as session:
        account = account_service(session, actor="").find(which)
        try:
            endpoint = endpoint_of(account, settings)
        except MailError as error:
            yield ProbeStage(error.stage, "fail", detail=error.message, advice=error.advice, error=error)
            return
    yield from probe(endpoint)


def _print(stage: ProbeStage) -> None:
    time = f" ({stage.ms} ms)" if stage.state == "ok" else ""
    click.echo(f"{MARKS[stage.state]} {stage.stage}: {stage.detail or 'not reached'}{time}")
    if stage.advice:
        click.echo(f"  → {stage.advice}")
