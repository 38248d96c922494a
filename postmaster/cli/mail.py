"""``flask mail``: where a message is, and how it got there."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import click

from postmaster import config
from postmaster.cli.base import ID, MAX_COUNT, Group, Number, print_json
from postmaster.cli.output import output_option, read_moment, since_option, until_option, write_bytes
from postmaster.cli.resources import as_json, print_facts
from postmaster.cli.tables import print_table
from postmaster.database import read_session
from postmaster.ledger.mail_source import mail_source
from postmaster.ledger.search import MailFilter, stream_mail
from postmaster.ledger.trace import trace_mail
from postmaster.ledger.why_not import why_not
from postmaster.pipeline.outcome import RECORDED, Outcome
from postmaster.pipeline.verdict import Finding

group = Group("mail", help="Find received mail and see what happened to it.")

COLUMNS = ("id", "recorded", "account", "sender", "verdict", "subject", "outcome", "ticket")

OUTCOME_CHOICE = click.Choice([row.outcome.value for row in RECORDED])


@group.command("find")
@click.option("--sender", default="", metavar="ADDRESS", help="Address, domain or name of the sender.")
@click.option("--recipient", default="", metavar="ADDRESS", help="Address or domain it was sent to.")
@click.option("--subject", default="", metavar="WORDS", help="Words of the subject, in any order.")
@click.option("--message-id", default="", metavar="ID", help="Message-ID, with or without angle brackets.")
@click.option("--account", default="", metavar="ID-OR-NAME", help="Account that it was fetched for; pipe: flask read.")
@click.option("--ticket", default="", metavar="NUMBER", help="Number of the ticket that it belongs to.")
@since_option("Recorded")
@until_option("Recorded")
@click.option("--outcome", type=OUTCOME_CHOICE, help="Its outcome.")
@click.option(
    "--verdict",
    type=click.Choice([finding.value for finding in Finding]),
    help="The verdict on its sender; none: nothing conclusive. Mail that nobody checked has no verdict.",
)
@click.option("--limit", type=Number(1, MAX_COUNT), metavar="NUMBER", help="Show the newest ones only.")
@as_json
@click.argument("text", nargs=-1)
def find(
    text: tuple[str, ...],
    since: str,
    until: str,
    outcome: str | None,
    verdict: str | None,
    limit: int | None,
    json_: bool,
    **parts: Any,
) -> None:
    """Find mail by TEXT and by what the options name, newest first; with --json one object per line.

    All words have to be in the message's sender, recipients, subject, Message-ID or account, or be the number of its
    ticket. Whole words count: of an address, all of it, what is before the @, or the domain.
    """
    wanted = MailFilter(
        text=" ".join(text),
        since=read_moment("--since", since),
        until=read_moment("--until", until, end_of_day=True),
        outcome=Outcome(outcome) if outcome else None,
        verdict=Finding(verdict) if verdict else None,
        **parts,
    )
    with read_session() as session:
        rows = (trace.as_json() for trace in islice(stream_mail(session, wanted), limit))
        if json_:
            for row in rows:
                print_json(row)
        else:
            print_table([name.capitalize() for name in COLUMNS], ([row[name] for name in COLUMNS] for row in rows))


@group.command("source")
@click.argument("number", type=ID, metavar="ID")
@output_option
def source(number: int, output: Path | None) -> None:
    """Print the message ID as it came, byte for byte."""
    with read_session() as session:
        content = mail_source(session, number)
    write_bytes(content, output)


@group.command("show")
@click.argument("number", type=ID, metavar="ID")
@as_json
def show(number: int, json_: bool) -> None:
    """Show what became of the message ID, and why, stage by stage."""
    with read_session() as session:
        details = trace_mail(session, number).details()
    if json_:
        print_json(details)
    else:
        print_facts({name: value for name, value in details.items() if name != "trace"})
        click.echo()
        print_table(("Stage", "What was decided"), ((step.get("stage"), step.get("text")) for step in details["trace"]))


@group.command("why")
@click.argument("number", type=ID, metavar="ID")
@click.option("--queue", metavar="NAME", help="Why is it not in this queue?")
@click.option("--filter", metavar="NAME", help="Why does this filter not match it?")
@click.option("--ticket", metavar="NUMBER", help="Why is it not in this ticket?")
@as_json
def why(number: int, json_: bool, **asked: str | None) -> None:
    """Say what stood against the message ID being in a queue or ticket, or matched by a filter.

    The message is decided on again as things stand now, by the code that decides on mail; nothing is changed.
    """
    named = {what: name for what, name in asked.items() if name is not None}
    if len(named) != 1:
        raise click.UsageError("Name one of --queue, --filter and --ticket.")
    [(what, name)] = named.items()
    with read_session() as session:
        found = why_not(session, number, what, name, config.current().time_zone)
        told = found.as_json()
    if json_:
        print_json(told)
    else:
        also = tuple(each["text"] for each in told["also"])
        print_facts({"answer": told["answer"], "also": also, "differs": told["differs"]})
