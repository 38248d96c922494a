"""What the demo shows at its end."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from demo.proof import Proof
from postmaster.database import read_session
from postmaster.desk.models import Queue, Ticket
from postmaster.fetching.counters import COUNTERS
from postmaster.ledger.models import FetchRun

ALWAYS_SHOWN = ("found", "new", "left")


def show(proof: Proof) -> None:
    """Print what the last run of each account did, the tickets of each queue, and the proof."""
    console = Console(highlight=False)
    with read_session() as session:
        last_runs = select(func.max(FetchRun.id)).group_by(FetchRun.account_id)
        runs = session.scalars(select(FetchRun).where(FetchRun.id.in_(last_runs)).order_by(FetchRun.id)).all()
        tickets = select(Queue.name, func.count()).join(Ticket, Ticket.queue_id == Queue.id)
        queues = session.execute(tickets.group_by(Queue.name).order_by(Queue.name)).all()
    columns = [name for name in COUNTERS if name in ALWAYS_SHOWN or any(getattr(run, name) for run in runs)]
    counts = [[run.label, *(getattr(run, name) for name in columns)] for run in runs]
    console.print(_table("This fetch", ["account", *columns], counts))
    total = sum(count for _, count in queues)
    console.print(_table("All tickets", ["queue", "tickets"], [*queues, ("together", total)]))
    for line in verdict(proof):
        console.print(line)


def verdict(proof: Proof) -> Iterable[str]:
    """The proof in words."""
    yield f"{proof.recorded} of {proof.samples} sample messages are recorded ({proof.quarantined} in quarantine)."
    for found, word in ((proof.lost, "lost"), (proof.doubled, "doubled")):
        if found:
            yield f"[bold red]{len(found)} {word}:[/] {', '.join(found)}."
    if proof.waiting:
        yield f"[bold red]{proof.waiting} are still on the server.[/]"
    if not proof.holds:
        yield "To start over, delete the folder instance-demo."
    else:
        yield "[bold green]Nothing was lost, nothing was doubled, and the mailboxes are empty.[/]"


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column.replace("_", " "), justify="right" if number else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return table
