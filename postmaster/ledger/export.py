"""Tickets on their way out: as lines of JSON that hold everything, or their mail as one mbox (RFC 4155) or as files.

Tickets are read by the hundred; of messages there is one in memory, however many there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import islice
from pathlib import Path
from tarfile import BLOCKSIZE, TarInfo
from typing import IO, Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from postmaster.desk.models import Article, Queue, Ticket
from postmaster.desk.ticket_stream import TicketRange, stream_tickets
from postmaster.extensions import Json
from postmaster.ledger.export_rows import articles_of, export_rows

PIECE = 100

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)


def write_jsonl(session: Session, wanted: TicketRange, file: IO[bytes]) -> int:
    """A line for each ticket, then one for each of its articles, source included; returns how many tickets."""
    count = 0
    for row in _rows(session, wanted):
        file.write(_line(row))
        count += row["kind"] == "ticket"
    return count


def write_mbox(session: Session, wanted: TicketRange, file: IO[bytes]) -> int:
    """All mail as one mailbox, lines that begin with "From " quoted as mboxrd does; returns how many messages."""
    count = 0
    for message in _mbox(session, wanted):
        file.write(message)
        count += 1
    return count


def write_files(session: Session, wanted: TicketRange, folder: Path) -> int:
    """Each message as a file NUMBER-ARTICLE.eml in ``folder``; returns how many messages."""
    count = 0
    for number, source, article in _mail(session, wanted):
        (folder / f"{number}-{article.id}.eml").write_bytes(source)
        count += 1
    return count


@dataclass(frozen=True)
class ExportFormat:
    """A form in which tickets are handed out as one stream."""

    media_type: str
    ending: str
    pieces: Callable[[Session, TicketRange], Iterator[bytes]]


def export_pieces(session: Session, wanted: TicketRange, form: str) -> Iterator[bytes]:
    """The tickets in one of ``FORMATS``, piece by piece. Raises NotFoundError."""
    return FORMATS[form].pieces(session, wanted)


def _jsonl(session: Session, wanted: TicketRange) -> Iterator[bytes]:
    return map(_line, _rows(session, wanted))


def _rows(session: Session, wanted: TicketRange) -> Iterator[Json]:
    for piece in _pieces(session, [Ticket, Queue.name], wanted):
        yield from export_rows(session, piece, wanted.queue_ids)


def _line(row: Json) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _mbox(session: Session, wanted: TicketRange) -> Iterator[bytes]:
    for _, source, article in _mail(session, wanted):
        sender = "".join(article.sender_address.split()) or "MAILER-DAEMON"
        moment = article.created_at.astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y")
        text = _FROM.sub(rb">\1", source.replace(b"\r\n", b"\n"))
        yield f"From {sender} {moment}\n".encode() + text.rstrip(b"\n") + b"\n\n"


def _tar(session: Session, wanted: TicketRange) -> Iterator[bytes]:
    """Each message as a file NUMBER-ARTICLE.eml, one after the other."""
    for number, source, article in _mail(session, wanted):
        file = TarInfo(f"{number}-{article.id}.eml")
        file.size, file.mtime = len(source), int(article.created_at.timestamp())
        yield file.tobuf() + source + b"\0" * (-len(source) % BLOCKSIZE)
    yield b"\0" * 2 * BLOCKSIZE


FORMATS: Mapping[str, ExportFormat] = {
    "jsonl": ExportFormat("application/x-ndjson", "jsonl", _jsonl),
    "mbox": ExportFormat("application/mbox", "mbox", _mbox),
    "eml": ExportFormat("application/x-tar", "tar", _tar),
}


def _mail(session: Session, wanted: TicketRange) -> Iterator[tuple[str, bytes, Article]]:
    """All messages whose source is kept, ticket by ticket."""
    for piece in _pieces(session, [Ticket], wanted):
        for each in articles_of(session, piece):
            if each.source is not None:
                yield each.number, each.source, each.article


def _pieces(session: Session, columns: Sequence[Any], wanted: TicketRange) -> Iterator[Sequence[Row[Any]]]:
    rows = stream_tickets(session, columns, wanted)
    while piece := list(islice(rows, PIECE)):
        yield piece
        session.expunge_all()
