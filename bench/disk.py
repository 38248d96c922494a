"""What a message takes on disk, and what is written until it is there."""

from __future__ import annotations

from pathlib import Path

import psycopg

from bench.contenders import USER, DurablePostgres, FlaskFetch
from bench.mailbag import realistic_mail
from bench.plan import Plan
from bench.races import mailbox
from bench.results import Line, Result

SIZES = "SELECT pg_database_size(current_database()), pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
FIGURES = ("SQLite, on disk", "PostgreSQL, on disk", "PostgreSQL, WAL")


def disk(plan: Plan) -> Result:
    """The growth of both databases by a mailbox, as a share of the raw size of its messages."""
    count = plan.sizes["messages"]
    shares: dict[str, list[float]] = {name: [] for name in FIGURES}
    raw = 0
    with mailbox() as server, DurablePostgres() as postgres:
        url = postgres.create_database()
        sqlite = FlaskFetch("SQLite", server, plan.folder / "sqlite")
        durable = FlaskFetch("PostgreSQL", server, plan.folder / "postgres", url)
        for number in range(plan.rounds):
            mail = list(realistic_mail(count, seed=number + 1))
            raw = sum(map(len, mail))
            server.deliver_many(USER, mail)
            shares[FIGURES[0]].append(_grown(sqlite, plan.folder / "sqlite") / raw)
            server.deliver_many(USER, mail)
            before = _sizes(url)
            durable.empty_mailbox()
            for name, earlier, later in zip(FIGURES[1:], before, _sizes(url), strict=True):
                shares[name].append((later - earlier) / raw)
    lines = [Line(name, tuple(values)) for name, values in shares.items()]
    each = ", ".join(f"{line.name} {line.median * raw / count / 1000:.0f} KB" for line in lines)
    return Result("bytes for each byte of raw mail", lines, (), [f"A message of {raw / count / 1000:.0f} KB: {each}."])


def _grown(desk: FlaskFetch, folder: Path) -> int:
    before = _bytes(folder)
    desk.empty_mailbox()
    return _bytes(folder) - before


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _sizes(url: str) -> tuple[int, int]:
    """Bytes of the database, and of all WAL written so far."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        row = connection.execute(SIZES).fetchone()
    assert row
    return int(row[0]), int(row[1])
