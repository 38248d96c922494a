"""How long a search of the ledger takes, and what a row costs to enter, in a large ledger beside a small one."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.contenders import DurablePostgres
from bench.ledger import FIRST, ONCE_SENDER, SELDOM_SENDER, enter, entries, fill
from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session, transaction
from postmaster.extensions import db
from postmaster.ledger.search import MailFilter, find_mail
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.verdict import Finding

# Each is measured this often; the first round, which fills the caches, does not count.

# Messages that are entered together, as a fetch does.
ENTERED = 100


@dataclass(frozen=True)
class Search:
    """A search, by what is special about it."""

    name: str
    wanted: MailFilter


def searches(rows: int) -> Sequence[Search]:
    """The kinds of search there are, in a ledger of ``rows``."""
    middle = FIRST + timedelta(minutes=rows // 2)
    newest = next(entries(1, rows - 1))
    return (
        Search("the newest", MailFilter()),
        Search("a sender who wrote once", MailFilter(sender=ONCE_SENDER)),
        Search("a sender who writes seldom", MailFilter(sender=SELDOM_SENDER)),
        Search("a recipient of every fourth message", MailFilter(recipient="orders@shop.example")),
        Search("the domain of every recipient", MailFilter(recipient="shop.example")),
        Search("two frequent words", MailFilter(subject="invoice broken")),
        Search("a frequent and a rare one", MailFilter(text="shop.example seldom@rare.example")),
        Search(
            "frequent ones that never meet", MailFilter(sender="invoice.example", subject="invoice order late parcel")
        ),
        Search("a Message-ID", MailFilter(message_id=newest["message_id"])),
        Search("the number of a ticket", MailFilter(text="2026112300001")),
        Search("a ticket and a frequent word", MailFilter(ticket="2026112300001", subject="invoice")),
        Search("what nobody wrote", MailFilter(text="nonsense")),
        Search("an outcome and a word", MailFilter(outcome=Outcome.QUARANTINED, subject="printer")),
        Search("a verdict and a word", MailFilter(verdict=Finding.FAIL, subject="printer")),
        Search("a verdict of most mail and a rare sender", MailFilter(verdict=Finding.PASS, sender=SELDOM_SENDER)),
        Search("a day in the middle", MailFilter(subject="printer", since=middle, until=middle + timedelta(days=1))),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench/search", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="in the large ledger (default: 1000000)")
    parser.add_argument("--beside", type=int, default=10_000, help="in the small ledger (default: 10000)")
    parser.add_argument("--rounds", type=int, default=15, help="of each search, after one to warm up (default: 15)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="on this database only")
    arguments = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="postmaster-bench-") as folder, DurablePostgres() as postgres:
        for name in ("sqlite", "postgresql"):
            if arguments.only in (None, name):
                url: Callable[[], str] = postgres.create_database if name == "postgresql" else str
                small = measure(arguments.beside, arguments.rounds, Path(folder, name, "small"), url())
                large = measure(arguments.rows, arguments.rounds, Path(folder, name, "large"), url())
                console.print(table(name, arguments.rows, arguments.beside, small, large))


def measure(rows: int, rounds: int, data_dir: Path, url: str) -> dict[str, float]:
    """Milliseconds of each search in a ledger of ``rows``, and of entering a batch into it."""
    environ = {"POSTMASTER_DATA_DIR": str(data_dir), **({"POSTMASTER_DATABASE_URL": url} if url else {})}
    with ledger(environ, rows):
        measured = {search.name: timed(lambda wanted=search.wanted: find(wanted), rounds) for search in searches(rows)}
        batches = iter(range(rows, rows + ENTERED * (rounds + 1), ENTERED))
        measured[f"entering {ENTERED} messages"] = timed(lambda: enter_batch(next(batches)), rounds)
    return measured


@contextmanager
def ledger(environ: dict[str, str], rows: int) -> Iterator[None]:
    """An app on a database whose ledger has that many rows."""
    app = create_app(load_environment(environ))
    if app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code:
        raise RuntimeError("The database could not be made.")
    with app.app_context():
        fill(rows)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE" if db.engine.dialect.name == "postgresql" else "ANALYZE"))
        yield
        db.engine.dispose()


def timed(work: Callable[[], None], rounds: int) -> float:
    """The median milliseconds of ``work``."""
    laps = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        laps.append((time.perf_counter() - start) * 1000)
    return median(laps[1:])


def find(wanted: MailFilter) -> None:
    """The first page of a search."""
    with read_session() as session:
        find_mail(session, wanted)


def enter_batch(first: int) -> None:
    """A batch as a fetch enters it, in a transaction of its own."""
    rows = list(entries(ENTERED, first))
    with transaction() as session:
        enter(session, rows)


def table(name: str, rows: int, beside: int, small: dict[str, float], large: dict[str, float]) -> Table:
    """Both ledgers, and how many times as long it takes in the large one."""
    result = Table(name, f"{beside:,} rows, ms", f"{rows:,} rows, ms", "ratio")
    for column in result.columns[1:]:
        column.justify = "right"
    for what, milliseconds in large.items():
        ratio = milliseconds / small[what]
        result.add_row(what, f"{small[what]:.1f}", f"{milliseconds:.1f}", f"{ratio:.2f}")
    return result


if __name__ == "__main__":
    main()
