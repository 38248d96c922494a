"""Milliseconds of a page of the ticket list, on SQLite and on PostgreSQL, with many tickets beside few."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from flask import Flask
from flask.testing import FlaskClient
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from bench.contenders import DurablePostgres
from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import transaction
from tests.web.conftest import add, signed_in

FEW = 1_000

# Tickets as a busy desk has them: four queues, one ticket in fifty still open, 10,000 senders.
FILL = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :count)
INSERT INTO ticket (id, number, title, queue_id, state, priority, type, lock, sender_name, sender_address,
                    customer_user, created_at, changed_at)
SELECT n, CAST(2026010100000 + n AS VARCHAR(30)), 'Label printer in hall ' || (n % 97) || ' prints blank labels',
       1 + n % 4, CASE WHEN n % 50 = 0 THEN 'open' ELSE 'closed successful' END, '3 normal', 'Unclassified', 'unlock',
       'Person ' || (n % 10000), 'person' || (n % 10000) || '@example.net', 'person' || (n % 10000) || '@example.net',
       '2026-11-23 09:12:00', '2026-11-23 09:12:00'
FROM counted
"""

# What somebody may ask of the list. The middle one is the page in the middle of all tickets.
PAGES = {
    "newest": "/tickets",
    "in the middle": "/tickets?before={middle}",
    "of a queue": "/tickets?queue=Raw",
    "of a state": "/tickets?state=open",
    "of a queue and a state": "/tickets?queue=Raw&state=open",
    "a number": "/tickets?q={number}",
    "a sender": "/tickets?q=person7%40example.net",
    "a common word": "/tickets?q=printer",
    "a word that is nowhere": "/tickets?q=zebra",
    "a ticket": "/tickets/{number}",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench/tickets", description=__doc__)
    parser.add_argument("--many", type=int, default=1_000_000, help="tickets (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=15, help="of each page (default: 15)")
    arguments = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="postmaster-bench-") as folder, DurablePostgres() as postgres:
        for name, url in (("SQLite", None), ("PostgreSQL", postgres.create_database)):
            times = [
                dict(measure(Path(folder, f"{name}-{count}"), url() if url else "", count, arguments.rounds))
                for count in (FEW, arguments.many)
            ]
            console.print(table(name, arguments.many, *times))


def measure(folder: Path, url: str, count: int, rounds: int) -> Iterator[tuple[str, float]]:
    """The median of each page's milliseconds, with ``count`` tickets."""
    app = create_app(load_environment({"POSTMASTER_DATA_DIR": str(folder), "POSTMASTER_DATABASE_URL": url}))
    app.test_cli_runner().invoke(args=["db", "upgrade"])
    add(app, "admin")
    fill(app, count)
    client = signed_in(app, "admin")
    values = {"middle": count // 2, "number": 2026010100000 + count // 2}
    for name, address in PAGES.items():
        yield name, median(one(client, address.format(**values)) for _ in range(rounds))


def fill(app: Flask, count: int) -> None:
    """Add the tickets."""
    with app.app_context(), transaction() as session:
        session.execute(text(FILL), {"count": count})
        session.execute(text("ANALYZE"))


def one(client: FlaskClient, address: str) -> float:
    """The milliseconds of one request."""
    started = time.perf_counter()
    response = client.get(address)
    if response.status_code != 200:
        raise RuntimeError(f"{address}: {response.status}")
    return (time.perf_counter() - started) * 1000


def table(name: str, many: int, few_times: dict[str, float], many_times: dict[str, float]) -> Table:
    """Both figures of each page, and their ratio."""
    result = Table(name, f"{FEW:,} tickets, ms", f"{many:,} tickets, ms", "ratio")
    for column in result.columns[1:]:
        column.justify = "right"
    for page, milliseconds in many_times.items():
        ratio = milliseconds / few_times[page]
        result.add_row(page, f"{few_times[page]:.1f}", f"{milliseconds:.1f}", f"{ratio:.2f}")
    return result


if __name__ == "__main__":
    main()
