"""Which queues pipes name: nothing else in the database knows of them, since their options are in a mail server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.database import dialect_of, insert_into, read_session, transaction
from postmaster.desk.models import Queue
from postmaster.desk.queues import QUEUE_USERS
from postmaster.extensions import now
from postmaster.ledger.models import MAX_LABEL, PipeQueue
from postmaster.resources.uses import Use

# How long a pipe is remembered that nothing comes through; and how exactly it is known when something came last.
SEEN_LATELY = timedelta(days=7)
EXACTNESS = timedelta(hours=1)


def note_pipe(name: str) -> None:
    """Write down that a pipe names the queue ``name``: once an hour, so that it costs a busy pipe nothing."""
    name, moment = name[:MAX_LABEL], now()
    with read_session() as session:
        last = session.scalar(select(PipeQueue.last_at).where(PipeQueue.queue_name == name))
    if last is not None and moment - EXACTNESS < last <= moment:
        return
    with transaction() as session:
        note = insert_into(dialect_of(session), PipeQueue).values(queue_name=name, last_at=moment)
        session.execute(
            note.on_conflict_do_update(index_elements=["queue_name"], set_={"last_at": note.excluded.last_at})
        )


def _pipes_into(session: Session, queue: Queue) -> Iterator[Use]:
    """The pipe that named ``queue`` lately, if one did."""
    wanted = PipeQueue.queue_name == queue.name[:MAX_LABEL], PipeQueue.last_at > now() - SEEN_LATELY
    for last in session.scalars(select(PipeQueue.last_at).where(*wanted)):
        yield Use("pipe", f"a pipe (flask read --queue, seen {last:%Y-%m-%d})", by_name=True)


QUEUE_USERS.append(_pipes_into)
