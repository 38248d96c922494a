"""A desk that has been in use for years, stored by the database itself: tickets, articles, ledger, search terms, runs.

Everything follows from the numbers of the rows, so it is the same for the same sizes. One message in eight is from one
customer, one ticket in forty is open, and agents have answered the older ones; words, senders and domains of the ledger
come as often as they do in mail, from those of every message to those of one. Terms are those of ``terms_of``, but for
the numbers in subjects and Message-IDs: as many, and as far apart, but of no word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import Environment, StrictUndefined
from sqlalchemy import Connection, Index
from sqlalchemy.schema import CreateIndex, DropIndex

from bench.vocabulary import CONDITIONS, Stride, vocabulary, words
from postmaster.extensions import all_tables, db

# Made when the rows are there: that takes a tenth of the time.
INDEXED_LATER = ("article", "event", "fetch_run", "inbound_mail", "ticket")
QUEUES = 100

# Numbers spread over 32 bits, so that neighbours are far apart (Knuth, The Art of Computer Programming, 6.4).
SPREAD = "((n * 2654435761) % 4294967296)"


@dataclass(frozen=True)
class Dialect:
    """What each database says in its own way. ``series`` has the numbers ``n`` from one to another."""

    series: Callable[[int, int], str]
    at: Callable[[str], str]
    """The moment so many seconds after 1970."""
    now: str
    json: Callable[[str], str]
    bytes: Callable[[str], str]
    sha256: str
    key: str
    true: str


DIALECTS = {
    "sqlite": Dialect(
        lambda first, last: (
            f"(WITH RECURSIVE c(n) AS (SELECT {first} WHERE {first} <= {last} UNION ALL "
            f"SELECT n + 1 FROM c WHERE n < {last}) SELECT n FROM c) AS series"
        ),
        lambda seconds: f"strftime('%Y-%m-%d %H:%M:%f000', {seconds}, 'unixepoch')",
        "CAST(strftime('%s') AS INTEGER)",
        str,
        lambda words: f"CAST({words} AS BLOB)",
        f"CAST(printf('%08x%024d', {SPREAD}, n) AS BLOB)",
        f"printf('%016x', {SPREAD})",
        "1",
    ),
    "postgresql": Dialect(
        lambda first, last: f"generate_series(CAST({first} AS bigint), CAST({last} AS bigint)) AS series(n)",
        lambda seconds: f"to_timestamp({seconds})",
        "CAST(extract(epoch FROM now()) AS bigint)",
        lambda words: f"CAST({words} AS json)",
        lambda words: f"convert_to({words}, 'UTF8')",
        f"convert_to(lpad(to_hex({SPREAD}), 8, '0') || lpad(CAST(n AS text), 24, '0'), 'UTF8')",
        "md5(CAST(n AS text))",
        "true",
    ),
}


@dataclass(frozen=True)
class Stock:
    """How much there is of what the others follow from."""

    tickets: int
    rows: int
    accounts: int

    def statements(self, own: Dialect) -> Iterator[str]:
        """What stores all but the terms."""
        mails, rows = self.tickets * 5 // 4, self.rows
        values: dict[str, Any] = {
            "tickets": self.tickets,
            "rows": rows,
            "mails": mails,
            "accounts": self.accounts or 1,
            "stocked_accounts": self.accounts,
            "run_account": f"1 + n % {self.accounts}" if self.accounts else "NULL",
            "queues": QUEUES,
            "held": min(rows // 5000, 2_000),
            "runs": min(rows // 20, 200_000),
            "events": min(rows // 10, 500_000),
            "audits": rows // 50,
            "once": once(rows),
            "moment": lambda ago: own.at(f"{own.now} - ({ago})"),
            "hour": lambda ago: own.at(f"({own.now} / 3600 - ({ago})) * 3600"),
        }
        template = Environment(undefined=StrictUndefined).from_string(Path(__file__).with_suffix(".sql").read_text())
        yield from filter(None, map(str.strip, template.render(vars(own) | values).split(";\n")))


def once(rows: int) -> int:
    """The message of the one who wrote once, about as old as half of them."""
    return rows // 2 + 1


def fill(app: Flask, stock: Stock, say: Callable[[str], None] = print) -> None:
    """Store it in the app's database, which has its tables, and nothing but accounts."""
    with app.app_context(), db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        filler = Filler(connection, stock)
        for part in (filler.hurry, filler.drop_indexes, filler.store, filler.store_terms, filler.index, filler.settle):
            say(f"{connection.dialect.name}: {part.__name__.replace('_', ' ')}")
            part()
    with app.app_context():
        db.engine.dispose()


class Filler:
    """What is done with the driver's own connection: each statement is a transaction, and ``%`` is a remainder."""

    def __init__(self, connection: Connection, stock: Stock) -> None:
        self._dialect = connection.dialect
        self._driver: Any = connection.connection.driver_connection
        self._stock = stock
        self._own = DIALECTS[connection.dialect.name]
        self._embedded = connection.dialect.name == "sqlite"

    def _execute(self, *statements: str) -> None:
        for statement in statements:
            self._driver.execute(statement)

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        mark = "?" if self._embedded else "%s"
        places = ", ".join(mark for _ in rows[0])
        cursor = self._driver.cursor()
        if self._embedded:
            cursor.execute("BEGIN")
        cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        if self._embedded:
            cursor.execute("COMMIT")

    def hurry(self) -> None:
        """A power cut while it is filled is no loss; no foreign key is looked up."""
        if self._embedded:
            pragmas = "journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -1000000"
            self._execute(*(f"PRAGMA {pragma}" for pragma in pragmas))
        else:
            settings = "synchronous_commit = off", "maintenance_work_mem = '1GB'", "session_replication_role = replica"
            self._execute(*(f"SET {setting}" for setting in settings))

    def drop_indexes(self) -> None:
        """Those that are made anew in the end."""
        self._execute(*(str(DropIndex(index).compile(dialect=self._dialect)) for index in _indexes()))
        if not self._embedded:
            self._execute("ALTER TABLE mail_term DROP CONSTRAINT pk_mail_term")

    def store(self) -> None:
        """All rows but the terms."""
        self._execute("CREATE TEMPORARY TABLE bench_word (list TEXT, i BIGINT, word TEXT, PRIMARY KEY (list, i))")
        self._insert("bench_word", list(words()))
        self._execute(*self._stock.statements(self._own))

    def store_terms(self) -> None:
        """Stride by stride, in the order of the terms, so that each page of the index is written once."""
        columns = ", ".join(f"{name} BIGINT" for name in Stride._fields)
        self._execute(f"CREATE TEMPORARY TABLE bench_stride ({columns})")
        self._insert("bench_stride", vocabulary(self._stock.accounts or 1, self._stock.rows))
        rows = self._stock.rows
        holds = " OR ".join(f"condition = {place} AND {rule}" for place, rule in enumerate(CONDITIONS))
        holds = holds.replace("{once}", str(once(rows)))
        insert = "INSERT INTO mail_term (term, mail_id) SELECT"
        self._execute(
            f"{insert} term, n FROM {self._strides()} AS s WHERE n > 0 AND ({holds})",
            f"{insert} DISTINCT ({SPREAD} << 32) | (n * 40503 % 4294967296), n / 2 "
            f"FROM {self._own.series(2, rows * 2 + 1)} ORDER BY 1",
        )

    def _strides(self) -> str:
        """The rows of each stride."""
        rows = self._stock.rows
        if not self._embedded:
            numbers = f"CROSS JOIN LATERAL generate_series(rest, {rows}, every) AS series(n)"
            return f"(SELECT term, n, condition FROM bench_stride {numbers})"
        self._execute(
            "CREATE TEMPORARY TABLE bench_step (i INTEGER PRIMARY KEY)",
            f"INSERT INTO bench_step SELECT n FROM {self._own.series(0, rows)}",
        )
        steps = f"CROSS JOIN bench_step ON i <= ({rows} - rest) / every"
        return f"(SELECT term, rest + i * every AS n, condition FROM bench_stride {steps})"

    def index(self) -> None:
        """Make the indexes."""
        if not self._embedded:
            self._execute("ALTER TABLE mail_term ADD CONSTRAINT pk_mail_term PRIMARY KEY (term, mail_id)")
        self._execute(*(str(CreateIndex(index).compile(dialect=self._dialect)) for index in _indexes()))

    def settle(self) -> None:
        """What a database in use has: statistics, and ids that go on."""
        if self._embedded:
            self._execute("ANALYZE", "PRAGMA journal_mode = WAL")
            return
        for table in all_tables().sorted_tables:
            if table.autoincrement_column is not None:
                last = f"(SELECT coalesce(max(id), 0) + 1 FROM {table.name})"
                self._execute(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last}, false)")
        self._execute("VACUUM ANALYZE")


def _indexes() -> Iterator[Index]:
    for name in INDEXED_LATER:
        yield from sorted(all_tables().tables[name].indexes, key=lambda index: str(index.name))
