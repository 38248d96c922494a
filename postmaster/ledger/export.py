"""Tickets on their way out: as lines of JSON that hold everything, or their mail as one mbox (RFC 4155) or as files.

Tickets are read by the hundred; of messages there is one in memory, however many there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import islice
from pathlib import Path
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
    for piece in _pieces(session, [Ticket, Queue.name], wanted):
        for row in export_rows(session, piece):
            _write_line(file, row)
        count += len(piece)
    return count


def write_mbox(session: Session, wanted: TicketRange, file: IO[bytes]) -> int:
    """All mail as one mailbox, lines that begin with "From " quoted as mboxrd does; returns how many messages."""
    count = 0
    for _, source, article in _mail(session, wanted):
        sender = "".join(article.sender_address.split()) or "MAILER-DAEMON"
        moment = article.created_at.astimezone(UTC).strftime("%a %b %d %H:%M:%S %Y")
        text = _FROM.sub(rb">\1", source.replace(b"\r\n", b"\n"))
        file.write(f"From {sender} {moment}\n".encode() + text.rstrip(b"\n") + b"\n\n")
        count += 1
    return count


def write_files(session: Session, wanted: TicketRange, folder: Path) -> int:
    """Each message as a file NUMBER-ARTICLE.eml in ``folder``; returns how many messages."""
    count = 0
    for number, source, article in _mail(session, wanted):
        (folder / f"{number}-{article.id}.eml").write_bytes(source)
        count += 1
    return count


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


def _write_line(file: IO[bytes], row: Json) -> None:
    file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
