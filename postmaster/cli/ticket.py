"""``flask ticket``: look at tickets, change them, dispatch them again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.cli.base import ID, MAX_COUNT, Group, Number, actor, plain, print_json
from postmaster.cli.output import binary_output, output_option, read_moment, since_option, until_option, write_bytes
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.desk.models import Article, Queue, RawMail, Ticket
from postmaster.desk.rawmail import unpack
from postmaster.desk.ticket_choices import TICKET_CHOICES
from postmaster.desk.ticket_service import TicketChange, TicketService
from postmaster.desk.ticket_stream import TicketRange, stream_tickets
from postmaster.desk.ticket_view import article_facts
from postmaster.desk.tickets import TicketAttributes, linked_numbers
from postmaster.errors import NotFoundError
from postmaster.extensions import Json
from postmaster.ledger.article_source import find_attachment
from postmaster.ledger.export import write_files, write_jsonl, write_mbox
from postmaster.ledger.import_lines import RefusedTicket
from postmaster.ledger.merging import merge_tickets
from postmaster.ledger.redispatch import dispatch_again
from postmaster.ledger.ticket_import import import_tickets
from postmaster.parsing.parser import parse_message
from postmaster.pipeline.json import describe_message
from postmaster.quantity import quantity

group = Group("ticket", help="Look at tickets, and change them.")

COLUMNS = ("number", "title", "queue", "state", "priority", "created", "articles")

numbers = click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")


def range_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which tickets."""
    for option in (
        until_option("Opened"),
        since_option("Opened"),
        click.option("--state", default="", metavar="STATE", help="Only tickets in this state."),
        click.option("--queue", default="", metavar="NAME", help="Only tickets of this queue."),
    ):
        function = option(function)
    return function


def _range(queue: str, state: str, since: str, until: str, newest_first: bool = False) -> TicketRange:
    first, last = read_moment("--since", since), read_moment("--until", until, end_of_day=True)
    return TicketRange(queue, state, first, last, newest_first)


@group.command("list")
@range_options
@click.option("--newest-first", is_flag=True, help="Newest first.")
@click.option("--limit", type=Number(1, MAX_COUNT), metavar="NUMBER", help="Show at most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_tickets(limit: int | None, as_json: bool, **parts: Any) -> None:
    """List tickets, the oldest first."""
    with read_session() as session:
        rows = islice(_rows(session, _range(**parts)), limit)
        if as_json:
            for row in rows:
                print_json(row)
        else:
            print_table([name.capitalize() for name in COLUMNS], (row.values() for row in rows))


@group.command()
@click.argument("number")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(number: str, as_json: bool) -> None:
    """Show ticket NUMBER with its articles."""
    with read_session() as session:
        found = session.scalars(select(Ticket).where(Ticket.number == number)).one_or_none()
        if found is None:
            raise NotFoundError("unknown-ticket", f"There is no ticket {number}.", "Run: flask ticket list")
        shown = _describe(session, found)
    if as_json:
        print_json(shown)
    else:
        _print_ticket(shown)


def choice_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each of ``TICKET_CHOICES``."""
    for choice in reversed(TICKET_CHOICES.values()):
        field = choice.field
        command = click.option(f"--{field.name}", metavar=field.metavar, help=field.help)(command)
    return command


@group.command("set")
@numbers
@click.option("--queue", metavar="NAME", help="Move them to this queue.")
@click.option("--state", metavar="STATE", help="Give them this state.")
@choice_options
def set_(numbers: tuple[str, ...], queue: str | None, state: str | None, **choices: str | None) -> None:
    """Move tickets to a queue, or change their state, priority, owner and the like: all that are named, or none."""
    if queue is None and state is None and not any(value is not None for value in choices.values()):
        raise click.UsageError("Nothing to set: give --queue, --state or another option.")
    with transaction() as session:
        changes = TicketService(session, actor()).change(numbers, queue, state, choices)
    _print_changes(changes)


@group.command()
@numbers
def dispatch(numbers: tuple[str, ...]) -> None:
    """Dispatch tickets again, as their accounts, addresses and queues are now: all that are named, or none."""
    with transaction() as session:
        changes = dispatch_again(session, numbers, actor())
    _print_changes(changes)


@group.command()
@click.argument("number", type=ID, metavar="ID")
@output_option
def attachment(number: int, output: Path | None) -> None:
    """Print the content of the attachment ID, which flask ticket show names."""
    with read_session() as session:
        _, content = find_attachment(session, number)
    write_bytes(content, output)


@group.command()
@range_options
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "mbox", "eml"]),
    default="jsonl",
    show_default=True,
    help="jsonl: everything, a line for each ticket and each article; mbox: the mail alone; eml: a file each.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write to this file, or for eml into this new folder, which must not be there yet.",
)
def export(format_: str, output: Path | None, **parts: Any) -> None:
    """Hand out tickets with the mail that they came as, the oldest first.

    Articles whose source is not kept any more are in jsonl alone, with their text.
    """
    wanted = _range(**parts)
    with read_session() as session:
        if format_ == "eml":
            count = write_files(session, wanted, _new_folder(output))
        else:
            write = write_jsonl if format_ == "jsonl" else write_mbox
            with binary_output(output) as file:
                count = write(session, wanted, file)
    what = "ticket" if format_ == "jsonl" else "message"
    click.echo(f"Exported: {quantity(count, what)}.", err=True)


@group.command("import")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--create-queues", is_flag=True, help="Add queues that are not here, instead of refusing their tickets.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_(file: IO[bytes], create_queues: bool, as_json: bool) -> None:
    """Read back what flask ticket export wrote as jsonl, from FILE or, if that is -, from standard input.

    A ticket that is here already stays as it is; one that is not the same is refused, as is one with a line that is
    wrong. Doing it twice changes nothing, and goes on where it was cut off. Bring queues and settings first.

    \b
    Exit status: 0 all tickets are here, 1 something needs a hand, 2 nothing was imported.
    """
    done = import_tickets(file, actor(), _tell_refused, create_queues=create_queues)
    if as_json:
        print_json(done.as_json())
    else:
        for note in done.notes():
            click.echo(plain(note))
        counts = f"{done.created} created, {done.unchanged} unchanged, {done.refused} refused"
        click.echo(f"Tickets: {counts}; {quantity(done.articles, 'article')}.")
    sys.exit(1 if done.needs_hand else 0)


def _tell_refused(refused: RefusedTicket) -> None:
    what = f"ticket {refused.number}: " if refused.number else ""
    for sentence in refused.error.sentences():
        click.echo(plain(f"line {refused.line}: {what}{sentence}"), err=True)


def _new_folder(output: Path | None) -> Path:
    if output is None:
        raise click.UsageError("--format eml needs --output FOLDER.")
    try:
        output.mkdir()
    except OSError as error:
        raise click.UsageError(f"--output {output} cannot be made ({error.strerror}).") from error
    return output


@group.command()
@numbers
@click.option("--into", required=True, metavar="NUMBER", help="The ticket that gets their articles and follow-ups.")
def merge(numbers: tuple[str, ...], into: str) -> None:
    """Merge tickets into another one: all that are named, or none. What answers them goes there from now on."""
    with transaction() as session:
        changes = merge_tickets(session, numbers, into, actor())
    _print_changes(changes)


def _print_changes(changes: Sequence[TicketChange]) -> None:
    for change in changes:
        parts = [f"{name} {old or 'none'} → {new}" for name, (old, new) in change.changes.items()]
        click.echo(f"{change.number}: {', '.join(parts) or 'nothing changed'}")


def _rows(session: Session, wanted: TicketRange) -> Iterator[Json]:
    articles = select(func.count()).where(Article.ticket_id == Ticket.id).scalar_subquery()
    columns = (Ticket.number, Ticket.title, Queue.name, Ticket.state, Ticket.priority, Ticket.created_at, articles)
    for row in stream_tickets(session, columns, wanted):
        yield {**dict(zip(COLUMNS, row[1:], strict=True)), "created": row.created_at.isoformat()}


def _describe(session: Session, found: Ticket) -> Json:
    linked = linked_numbers(session, found.id)
    return {
        "number": found.number,
        "title": found.title,
        "queue": found.queue.name,
        **TicketAttributes.of(found).as_json(),
        "follows": linked.follows,
        "followed_by": linked.followed_by,
        "same_message": linked.same_message,
        "merged_into": linked.merged_into,
        "merged": linked.merged,
        "created": found.created_at.isoformat(),
        "changed": found.changed_at.isoformat(),
        "articles": [_describe_article(session, article) for article in found.articles],
    }


def _describe_article(session: Session, article: Article) -> Json:
    """The article as ``flask read --json`` shows a message; without its raw mail, as far as its row goes."""
    shared = {**article_facts(article), "article_fields": article.dynamic_fields or {}}
    raw = session.get(RawMail, article.raw_id) if article.raw_id else None
    if raw is not None:
        message = parse_message(unpack(raw.encoding, raw.data))
        ids = {part.part: part.id for part in article.attachments}
        shown = describe_message(message)
        attachments = [
            {"id": ids.get(part.part), **row}
            for part, row in zip(message.attachments, shown["attachments"], strict=True)
        ]
        return {**shared, **shown, "attachments": attachments}
    names = ("id", "filename", "content_type", "content_id", "size", "sha256")
    attachments = [{name: getattr(part, name) for name in names} for part in article.attachments]
    return {**shared, **article.header, "text": article.text, "html": None, "attachments": attachments}


def _print_ticket(shown: Json) -> None:
    facts = [(name, _words(value)) for name, value in shown.items() if name != "articles" and value]
    print_table(("Field", "Value"), facts)
    for article in shown["articles"]:
        sender = article["from"]["address"] if article["from"] else "unknown sender"
        click.echo(f"\n{article['created']}  {sender}  {article['subject']}")
        click.echo("".join(char if char.isprintable() or char in "\n\t" else "�" for char in article["text"]))
        for part in article["attachments"]:
            what = f"{part['content_type']}, {quantity(part['size'], 'byte')}"
            click.echo(f"  Attachment {part['id']}: {part['filename']} ({what})")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
