"""``flask erase``: remove mail for good."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from postmaster.cli.base import Number, actor, confirmed, guarded, print_json
from postmaster.operations.retention import erase_older_than, erase_sender
from postmaster.quantity import quantity
from postmaster.resources.readers import InvalidValue, mail_address


@click.command()
@click.option("--sender", metavar="ADDRESS", help="All mail of this sender: whole tickets where they wrote first.")
@click.option(
    "--older-than", type=Number(1, 36_500), metavar="DAYS", help="Tickets that have not changed for that many days."
)
@click.option("--yes", is_flag=True, help="Do not ask; needed when there is no terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
@guarded
def erase(sender: str | None, older_than: int | None, yes: bool, as_json: bool) -> None:
    """Remove mail for good: tickets, articles, sources, and what is in quarantine.

    The ledger keeps its rows, without anything that the messages said, so that none is taken twice. To remove old mail
    regularly, use the settings RawMailRetentionDays and TicketRetentionDays.
    """
    if (sender is None) == (older_than is None):
        raise click.UsageError("Name either --sender or --older-than.")
    unchanged = f"all tickets unchanged for {quantity(older_than or 0, 'day')}"
    what = unchanged if sender is None else f"all mail of {sender}"
    if not yes and not confirmed(f"Remove {what} for good?", "erasing"):
        raise click.Abort
    removed = erase_older_than(older_than, actor()) if older_than else erase_sender(_address(sender or ""), actor())
    if as_json:
        print_json(removed.as_dict())
    else:
        counts = [quantity(count, name.removesuffix("s"), name) for name, count in removed.as_dict().items() if count]
        click.echo(f"Removed: {', '.join(counts)}." if counts else "There was nothing to remove.")


def _address(text: str) -> str:
    try:
        return mail_address(text.strip())
    except InvalidValue as error:
        raise click.UsageError(f"--sender {error.flaw}. {error.advice}".rstrip()) from None
