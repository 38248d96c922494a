"""``flask account test``: try an account step by step, changing nothing on its server."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click
from flask.cli import with_appcontext

from postmaster import config
from postmaster.accounts.same_server import Namesake, find_namesakes, same_server_warnings
from postmaster.cli.base import ID, dialogue_shown, guarded, plain, print_json, verbose_option
from postmaster.cli.one_account import account_meant, takes_account
from postmaster.cli.resources import print_notes
from postmaster.errors import FaultStage, MailError
from postmaster.fetching.endpoint import endpoint_of
from postmaster.parsing.parser import parse_message
from postmaster.pipeline.learning import ServerOffer, ServersSeen
from postmaster.pipeline.rules import account_rules
from postmaster.sources.probe import ProbeStage, probe, stages_of
from postmaster.system.settings import TRUSTED_AUTHSERV_IDS, get_setting

MARKS = {"ok": "✓", "fail": "✗", "skip": "–"}


@click.command()
@takes_account
@click.option("--stored", type=ID, hidden=True, help="The id of the stored account that --stdin describes anew.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--json-lines", is_flag=True, help="Print one JSON object per stage, as it ends, after one that names the stages."
)
@verbose_option
@with_appcontext
@guarded
def test(
    which: str | None,
    described: bool,
    by: str | None,
    stored: int | None,
    as_json: bool,
    json_lines: bool,
    verbose: bool,
) -> None:
    """Test the connection of one account, by its id or label, stage by stage. Nothing on the server changes.

    \b
    Exit status: 0 all stages went well, 1 one failed, 2 wrong usage or configuration.
    """
    names, results, namesakes, trusted = _test_of(which, described, by, stored)
    if json_lines:
        print_json({"stages": names})
    with dialogue_shown(verbose):
        stages = list(_shown(results, as_json=as_json, json_lines=json_lines))
    ok = all(stage.state != "fail" for stage in stages)
    offer = _offer_of(stages, trusted)
    warnings = list(same_server_warnings(namesakes))
    told = {"warnings": warnings, "server_offer": offer.as_json() if offer else None}
    if json_lines:
        print_json({"ok": ok, **told})
    elif as_json:
        print_json({"ok": ok, "stages": [stage.as_dict() for stage in stages], **told})
    else:
        print_notes(warnings)
        print_offer(offer)
    sys.exit(0 if ok else 1)


def _offer_of(stages: Sequence[ProbeStage], trusted: tuple[str, ...]) -> ServerOffer | None:
    """The server that signs the newest messages, if it is not trusted yet."""
    seen = ServersSeen()
    seen.look(parse_message(head) for stage in stages for head in stage.heads)
    return seen.offer(trusted)


def print_offer(offer: ServerOffer | None) -> None:
    """What an admin may do about a server that writes verdicts."""
    if offer:
        click.echo(f"{plain(str(offer))}\n  → flask account set ACCOUNT --authserv-ids '{plain(offer.name)}'")


def _shown(results: Iterator[ProbeStage], *, as_json: bool, json_lines: bool) -> Iterator[ProbeStage]:
    """``results``, each printed as it comes."""
    for stage in results:
        if json_lines:
            print_json(stage.as_dict())
        elif not as_json:
            time = f" ({stage.ms} ms)" if stage.state == "ok" else ""
            click.echo(f"{MARKS[stage.state]} {stage.stage}: {stage.detail or 'not reached'}{time}")
            if stage.advice:
                click.echo(f"  → {stage.advice}".replace("\n", "\n    "))
        yield stage


def _test_of(
    which: str | None, described: bool, by: str | None, stored: int | None
) -> tuple[list[FaultStage], Iterator[ProbeStage], list[Namesake], tuple[str, ...]]:
    """The stages that there are, what becomes of them, each as it ends, who else may fetch the mailbox, and whose
    verdicts on senders it believes.

    An account that cannot even sign in, for want of a credential, fails at that stage.
    """
    with account_meant(which, described, "test-connection", by) as (session, account):
        namesakes = find_namesakes(session, [account], besides=stored)
        trusted = account_rules(account).authserv_ids or get_setting(session, TRUSTED_AUTHSERV_IDS)
        try:
            endpoint = endpoint_of(account, config.current())
        except MailError as error:
            failed = ProbeStage(error.stage, "fail", detail=error.message, advice=error.advice, error=error)
            return [error.stage], iter([failed]), namesakes, trusted
    return stages_of(endpoint), probe(endpoint), namesakes, trusted
