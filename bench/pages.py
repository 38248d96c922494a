"""Pages and API of a large desk, beside the one that shows a ticket by its number: an indexed point query."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from bench.contenders import DurablePostgres
from bench.filter import furnished
from bench.plan import Plan
from bench.results import Check, Line, Result
from bench.stock import Stock, fill
from bench.tickets import PAGES
from postmaster import create_app
from postmaster.config import load_environment
from tests.web.conftest import signed_in

POINT = "a ticket"
API = "/api/v1"

# What somebody may open, beside the pages of tickets; and what programs ask for.
OTHERS = {
    "status": "/status",
    "accounts": "/accounts",
    "accounts, filtered": "/accounts?q=imaps+failing",
    "mail": "/mail",
    "mail, a common word": "/mail?q=printer",
    "mail, a rare sender": "/mail?q=once%40lonely.example",
    "quarantine": "/quarantine",
    "runs": "/runs",
    "credentials": "/credentials",
    "search": "/search?q=printer",
    "audit log": "/audit",
    "outlets": "/outlets",
}
CALLS = {
    POINT: "/tickets/{number}",
    "tickets": "/tickets",
    "tickets of a queue": "/tickets?queue=Raw",
    "tickets, a common word": "/tickets?q=printer",
    "mail": "/mail",
    "mail, a common word": "/mail?q=printer",
    "mail accounts": "/accounts",
    "credentials": "/credentials",
    "queues": "/queues",
    "runs": "/runs",
    "quarantine": "/quarantine",
    "events": "/events",
    "status": "/status",
}

# Five lines for each account, so that it takes as long as there are accounts: what it takes is told, and not judged.
METRICS = {"metrics": "/metrics"}
METRICS_TOKEN = "token-of-the-metrics"

# What of it is a command, which names no more than a page does.
COMMANDS = (
    "status",
    "ticket list --newest-first --limit 50",
    "ticket list --queue Raw --state open --limit 50",
    "mail find printer --limit 50",
    "mail find --sender once@lonely.example",
    "quarantine list",
    "queue list",
    "alert list --all",
    "event list --limit 50",
)


def pages(plan: Plan) -> Result:
    """Each of them in turns, on both databases."""
    lines: list[Line] = []
    checks: list[Check] = []
    with DurablePostgres(data=plan.folder / "cluster" if plan.kept else None) as postgres:
        for database, url in (("SQLite", ""), ("PostgreSQL", postgres.keep_database("desk"))):
            app = _stocked(plan, database, url)
            for kind, found in _measured(app, plan).items():
                lines += [Line(f"{database}, {kind}: {name}", tuple(laps)) for name, laps in found.items()]
                if POINT in found:
                    slowest, ratio = _slowest(found)
                    what = f"{database}, {kind}: the slowest ({slowest}) against {POINT}"
                    checks.append(Check(what, ratio, 10, at_most=True))
    return Result("ms to the first byte", lines, checks)


def _stocked(plan: Plan, database: str, url: str) -> Flask:
    """A desk of that size; the one that an earlier run has kept, if there is one."""
    stock = _stock(plan)
    folder, told = plan.folder / database, repr(stock)
    kept = plan.folder / f"{database}.txt"
    if kept.exists():
        if kept.read_text() != told:
            raise RuntimeError(f"{kept} tells of another size: {kept.read_text()}")
        return _app(folder, url)
    plan.say(f"{database}: storing {stock.tickets:,} tickets and {stock.rows:,} rows of mail")
    fill(furnished(folder, url, stock.accounts), stock, plan.say)
    kept.write_text(told)
    return _app(folder, url)


def _app(folder: Path, url: str) -> Flask:
    own = {"POSTMASTER_DATA_DIR": str(folder), "POSTMASTER_DATABASE_URL": url}
    return create_app(load_environment({**own, "POSTMASTER_METRICS_TOKEN": METRICS_TOKEN}))


def _stock(plan: Plan) -> Stock:
    return Stock(plan.sizes["tickets"], plan.sizes["rows"], plan.sizes["accounts"])


def addresses(stock: Stock, paths: Mapping[str, str]) -> dict[str, str]:
    """The ``paths`` by the same names, with the ticket in the middle of ``stock`` where one is to be named."""
    middle = stock.tickets // 2
    return {name: path.format(middle=middle, number=2026010100000 + middle) for name, path in paths.items()}


def _slowest(found: Mapping[str, list[float]]) -> tuple[str, float]:
    """Which takes longest, and how many times as long as the point query."""
    medians = {name: Line(name, tuple(laps)).median for name, laps in found.items()}
    name = max(medians, key=lambda each: medians[each])
    return name, medians[name] / medians[POINT]


def _measured(app: Flask, plan: Plan) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each round, of pages and of the API, by what was asked for. The first round warms up."""
    words = ("token", "add", "--name", f"bench {time.time()}", "--scope", "read", "--scope", "admin")
    token = app.test_cli_runner().invoke(args=words).stdout.strip()
    stock = _stock(plan)
    asked = {
        "page": (signed_in(app, "bench"), "", addresses(stock, PAGES | OTHERS), {}),
        "API": (app.test_client(), API, addresses(stock, CALLS), _bearer(token)),
        "machines": (app.test_client(), "", METRICS, _bearer(METRICS_TOKEN)),
    }
    found: dict[str, dict[str, list[float]]] = {
        kind: {name: [] for name in paths} for kind, (_, _, paths, _) in asked.items()
    }
    for round_ in range(plan.rounds + 1):
        for kind, (client, prefix, paths, headers) in asked.items():
            for name, milliseconds in _round(client, prefix, paths, headers):
                if round_:
                    found[kind][name].append(milliseconds)
    return found


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _round(
    client: FlaskClient,
    prefix: str,
    paths: Mapping[str, str],
    headers: Mapping[str, str],
) -> Iterator[tuple[str, float]]:
    """Each address once. Raises RuntimeError if one does not answer well."""
    for name, path in paths.items():
        started = time.perf_counter()
        response = client.get(prefix + path, headers=dict(headers))
        if response.status_code != 200:
            raise RuntimeError(f"{path}: {response.status}")
        yield name, (time.perf_counter() - started) * 1000
