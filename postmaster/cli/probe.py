"""``flask account test``: try an account step by step, changing nothing on its server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from flask.cli import with_appcontext

from postmaster import config
from postmaster.cli.base import dialogue_shown, guarded, print_json, verbose_option
from postmaster.cli.one_account import account_meant, takes_account
from postmaster.errors import FaultStage, MailError
from postmaster.fetching.endpoint import endpoint_of
from postmaster.sources.probe import ProbeStage, probe, stages_of

MARKS = {"ok": "✓", "fail": "✗", "skip": "–"}


@click.command()
@takes_account
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--json-lines", is_flag=True, help="Print one JSON object per stage, as it ends, after one that names the stages."
)
@verbose_option
@with_appcontext
@guarded
def test(which: str | None, described: bool, by: str | None, as_json: bool, json_lines: bool, verbose: bool) -> None:
    """Test the connection of one account, by its id or label, stage by stage. Nothing on the server changes.

    \b
    Exit status: 0 all stages went well, 1 one failed, 2 wrong usage or configuration.
    """
    with dialogue_shown(verbose):
        ok = _test(which, described, by, as_json, json_lines)
    sys.exit(0 if ok else 1)


def _test(which: str | None, described: bool, by: str | None, as_json: bool, json_lines: bool) -> bool:
    """Print what becomes of each stage; returns whether all went well."""
    names, results = _test_of(which, described, by)
    if json_lines:
        print_json({"stages": names})
    stages: list[ProbeStage] = []
    for stage in results:
        stages.append(stage)
        if json_lines:
            print_json(stage.as_dict())
        elif not as_json:
            _print(stage)
    ok = all(stage.state != "fail" for stage in stages)
    if json_lines:
        print_json({"ok": ok})
    elif as_json:
        print_json({"ok": ok, "stages": [stage.as_dict() for stage in stages]})
    return ok


def _test_of(which: str | None, described: bool, by: str | None) -> tuple[list[FaultStage], Iterator[ProbeStage]]:
    """The stages that there are, and what becomes of them, each as it ends.

    An account that cannot even sign in, for want of a credential, fails at that stage.
    """
    with account_meant(which, described, "test-connection", by) as (_, account):
        try:
            endpoint = endpoint_of(account, config.current())
        except MailError as error:
            failed = ProbeStage(error.stage, "fail", detail=error.message, advice=error.advice, error=error)
            return [error.stage], iter([failed])
    return stages_of(endpoint), probe(endpoint)


def _print(stage: ProbeStage) -> None:
    time = f" ({stage.ms} ms)" if stage.state == "ok" else ""
    click.echo(f"{MARKS[stage.state]} {stage.stage}: {stage.detail or 'not reached'}{time}")
    if stage.advice:
        click.echo(f"  → {stage.advice}".replace("\n", "\n    "))
