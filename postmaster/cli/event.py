"""``flask event``: what happened, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import click

from postmaster.cli.base import MAX_COUNT, Group, Number, print_json
from postmaster.cli.resources import as_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session
from postmaster.desk.queues import Queues
from postmaster.extensions import Json
from postmaster.ledger.event_document import event_document
from postmaster.outbox.models import EventType
from postmaster.outbox.reading import MAX_WAIT, page_after, wait_for_events
from postmaster.resources.numbers import MAX_ID

group = Group("event", help="See what happened, as other programs are told.")

COLUMNS = ("Sequence", "Time", "Type", "About", "What")

# Events that are read at a time: each may have twenty thousand characters of text.
PIECE = 100


@dataclass(frozen=True)
class _Wanted:
    types: Collection[EventType]
    queues: Collection[int]
    limit: int


@group.command("list")
@click.option("--after", type=Number(0, MAX_ID), default=0, metavar="SEQUENCE", help="Only those after this one.")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice([kind.value for kind in EventType]),
    help="Only those of this type; may be given several times.",
)
@click.option("--queue", "names", multiple=True, metavar="NAME", help="Only those of this queue; likewise.")
@click.option("--limit", type=Number(1, MAX_COUNT), default=MAX_COUNT, metavar="NUMBER", help="Show that many at most.")
@click.option(
    "--wait",
    type=Number(0, int(MAX_WAIT)),
    default=0,
    metavar="SECONDS",
    help=f"If there is none, wait that long for one; {MAX_WAIT:.0f} at most.",
)
@as_json
def list_(after: int, types: Sequence[str], names: Sequence[str], limit: int, wait: int, json_: bool) -> None:
    """List events, the oldest first; with --json one object per line, as docs/outlets.md has it.

    Whoever reads them again and again names the sequence of the last one by --after, and misses none.
    """
    with read_session() as session:
        queues = [Queues(session).queue_id(name) for name in names]
    wanted = _Wanted([EventType(kind) for kind in types], queues, limit)
    if wait:
        wait_for_events(after, wait, wanted.types, wanted.queues)
    documents = _documents(after, wanted)
    if json_:
        for document in documents:
            print_json(document)
    else:
        print_table(COLUMNS, map(_row, documents))


def _documents(after: int, wanted: _Wanted) -> Iterator[Json]:
    left = wanted.limit
    while left > 0:
        size = min(PIECE, left)
        with read_session() as session:
            page = page_after(session, after, size, wanted.types, wanted.queues)
            documents = event_document(session, page.events)
        yield from documents
        if len(documents) < size:
            return
        left, after = left - size, page.after


def _row(document: Json) -> tuple[object, ...]:
    data = document["data"]
    about = next((_name(data[kind], key) for kind, key in _ABOUT if data.get(kind)), "")
    return document["sequence"], document["timestamp"], document["type"], about, _what(data)


# By what the subject of an event is called.
_ABOUT = (("ticket", "number"), ("mail", "id"), ("account", "label"))


def _name(subject: Json, key: str) -> str:
    return f"message {subject[key]}" if key == "id" else str(subject[key])


def _what(data: Json) -> str:
    if "changes" in data:
        return ", ".join(f"{name}: {old or 'none'} → {new or 'none'}" for name, (old, new) in data["changes"].items())
    if data.get("mail"):
        return str(data["mail"]["explanation"])
    return str(data.get("message") or data.get("code") or "")
