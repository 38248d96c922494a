"""``flask account certificate``, ``folders`` and ``preview``: what there is on a server, changing nothing there."""

from __future__ import annotations

import sys

import click
from flask.cli import with_appcontext

from postmaster import config
from postmaster.cli.base import Number, guarded, plain, print_json
from postmaster.cli.fetch import describe
from postmaster.cli.one_account import account_meant, failing, takes_account
from postmaster.cli.resources import print_facts
from postmaster.fetching.dry_run import preview_draft
from postmaster.fetching.endpoint import bare_endpoint_of, endpoint_of
from postmaster.fetching.run import FetchOptions
from postmaster.sources.dial import peek_certificate
from postmaster.sources.open import list_folders

# Seconds after which a preview takes no further batch.
PREVIEW_SECONDS = 100

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@takes_account
@as_json_option
@with_appcontext
@guarded
def certificate(which: str | None, described: bool, by: str | None, as_json: bool) -> None:
    """Show the certificate of an account's server, trusted or not; nothing secret is sent.

    Its fingerprint is in the form of SSL Fingerprint. Compare it with what the server's administrator tells you.
    """
    with account_meant(which, described, "look-at-certificate", by) as (_, account), failing(as_json):
        facts = peek_certificate(bare_endpoint_of(account, config.current())).as_dict()
    if as_json:
        print_json(facts)
    else:
        print_facts({**facts, "names": ", ".join(facts["names"])})


@click.command()
@takes_account
@as_json_option
@with_appcontext
@guarded
def folders(which: str | None, described: bool, by: str | None, as_json: bool) -> None:
    """List the folders of an account's mailbox that can hold mail, as they are entered in IMAP Folder."""
    with account_meant(which, described, "list-folders", by) as (_, account), failing(as_json):
        names = list_folders(endpoint_of(account, config.current()))
    if as_json:
        print_json({"folders": names})
    else:
        for name in names:
            click.echo(plain(name))


@click.command()
@takes_account
@click.option("--limit", type=Number(1, 100), default=10, show_default=True, help="Messages to look at.")
@as_json_option
@with_appcontext
@guarded
def preview(which: str | None, described: bool, by: str | None, limit: int, as_json: bool) -> None:
    """Show what would happen to the next messages of an account; change neither database nor server.

    Prints for the account what “flask fetch --dry-run” does.
    """
    with account_meant(which, described, "preview", by) as (session, account):
        options = FetchOptions("preview", timeout=PREVIEW_SECONDS)
        result = preview_draft(session, account, options, limit)
    if as_json:
        print_json(result.as_dict())
    else:
        for line in describe(result):
            click.echo(line)
    sys.exit(1 if result.error else 0)
