"""``flask account test``: try an account step by step, changing nothing on its server."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from postmaster.cli.base import guarded, print_json

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
    stages = []
    for stage in _stages(which):
        stages.append(stage)
        if not as_json:
            _print(stage)
    ok = all(stage.state != "fail" for stage in stages)
    if as_json:
        print_json({"ok": ok, "stages": [asdict(stage) for stage in stages]})
    sys.exit(0 if ok else 1)
