"""``flask ticket``: look at tickets, change them, dispatch them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from postmaster.cli.base import Group, actor, print_json, print_table
from postmaster.database import read_session, transaction
from postmaster.desk.models import Article, Queue, RawMail, Ticket
from postmaster.desk.rawmail import unpack
from postmaster.desk.ticket_service import TicketChange, TicketService
from postmaster.desk.tickets import TicketAttributes, linked_numbers
from postmaster.errors import NotFoundError
from postmaster.extensions import Json
from postmaster.ledger.merging import merge_tickets
from postmaster.ledger.redispatch import dispatch_again
from postmaster.parsing import parse_message
from postmaster.pipeline.json import describe_message

group = Group("ticket", help="Look at tickets, and change them.")

COLUMNS = ("number", "title", "queue", "state", "priority", "created", "articles")
# Rows that are read at a time: a million tickets must not fill the memory.
PAGE = 1000

numbers = click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")


@group.command("list")
@click.option("--queue", metavar="NAME", help="Only tickets of this queue.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_tickets(queue: str | None, as_json: bool) -> None:
    """List tickets, the oldest first."""
    with read_session() as session:
        rows = _rows(session, queue)
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


@group.command("set")
@numbers
@click.option("--queue", metavar="NAME", help="Move them to this queue.")
@click.option("--state", metavar="STATE", help="Give them this state.")
def set_(numbers: tuple[str, ...], queue: str | None, state: str | None) -> None:
    """Move tickets to a queue, or set their state: all that are named, or none."""
    if queue is None and state is None:
        raise click.UsageError("Nothing to set: give --queue or --state.")
    with transaction() as session:
        changes = TicketService(session, actor()).change(numbers, queue, state)
    _print_changes(changes)


@group.command()
@numbers
def dispatch(numbers: tuple[str, ...]) -> None:
    """Dispatch tickets again, as their accounts, addresses and queues are now: all that are named, or none."""
    with transaction() as session:
        changes = dispatch_again(session, numbers, actor())
    _print_changes(changes)


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


def _rows(session: Session, queue: str | None) -> Iterator[Json]:
    """Tickets page by page, each page found through the primary key and with one query."""
    queue_id = _queue_id(session, queue) if queue else None
    last = 0
    while page := session.execute(_page(last, queue_id)).all():
        for row in page:
            yield {**dict(zip(COLUMNS, row[1:], strict=True)), "created": row.created_at.isoformat()}
        last = page[-1].id


def _page(after: int, queue_id: int | None) -> Select[*tuple[object, ...]]:
    articles = select(func.count()).where(Article.ticket_id == Ticket.id).scalar_subquery()
    columns = (Ticket.number, Ticket.title, Queue.name, Ticket.state, Ticket.priority, Ticket.created_at, articles)
    found = select(Ticket.id, *columns).join(Queue, Queue.id == Ticket.queue_id).where(Ticket.id > after)
    if queue_id is not None:
        found = found.where(Ticket.queue_id == queue_id)
    return found.order_by(Ticket.id).limit(PAGE)


def _queue_id(session: Session, name: str) -> int:
    found = session.execute(select(Queue.id).where(Queue.name == name)).scalar_one_or_none()
    if found is None:
        raise NotFoundError("unknown-queue", f"There is no queue “{name}”.", "Run: flask queue list")
    return found


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
    shared = {
        "created": article.created_at.isoformat(),
        "sender_type": article.sender_type.value,
        "visible": article.visible,
        "loop": article.loop,
        "automatic": article.automatic,
        "sender_verdict": article.verdict,
        "article_fields": article.dynamic_fields or {},
    }
    raw = session.get(RawMail, article.raw_id) if article.raw_id else None
    if raw is not None:
        return {**shared, **describe_message(parse_message(unpack(raw.encoding, raw.data)))}
    names = ("filename", "content_type", "content_id", "size", "sha256")
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
            click.echo(f"  Attachment: {part['filename']} ({part['content_type']}, {part['size']} bytes)")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
