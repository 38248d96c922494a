"""Server time of the filter over many mail accounts, as a ratio to a bare page of the same size."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from flask import Flask
from flask.testing import FlaskClient
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from postmaster import create_app
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.config import load_environment
from postmaster.database import prepare_database, transaction
from postmaster.extensions import now
from postmaster.system.users import add_user
from postmaster.web.access import for_admins
from tests.servers.postgres import Postgres
from tests.web.conftest import HTMX, PASSWORD, signed_in

# What somebody may have typed by now: all match, some, few, none.
TYPED = ("", "department", "imaps failing raw", "user77", "nothing like it")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench/filter", description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000, help="in the list (default: 10000)")
    parser.add_argument("--rounds", type=int, default=15, help="of each request, taking turns (default: 15)")
    arguments = parser.parse_args()
    console = Console()
    console.print(f"{arguments.accounts} accounts, {os.cpu_count()} cores; milliseconds, medians")
    with tempfile.TemporaryDirectory(prefix="postmaster-bench-") as folder, Postgres() as postgres:
        for name, url in (("SQLite", ""), ("PostgreSQL", postgres.create_database())):
            app = furnished(Path(folder, name), url, arguments.accounts)
            console.print(table(name, measured(app, arguments.rounds)))


def furnished(folder: Path, url: str, accounts: int) -> Flask:
    """The app with that many accounts, each with its credential and its state, and an admin."""
    app = create_app(load_environment({"POSTMASTER_DATA_DIR": str(folder), "POSTMASTER_DATABASE_URL": url}))
    app.test_cli_runner().invoke(args=["db", "upgrade"])
    numbers, common = range(1, accounts + 1), {"revision": 1, "changed_at": now()}
    with app.app_context():
        prepare_database()
        sealed = {"sealed_password": seal("secret")}
        with transaction() as session:
            add_user(session, "bench", "admin", PASSWORD, "bench")
            for model, row in ((Credential, _credential), (MailAccount, _account), (AccountState, _state)):
                more = {AccountState: {}, Credential: common | sealed}.get(model, common)
                session.execute(insert(model), [{**row(number), **more} for number in numbers])
    return app


def _credential(number: int) -> dict[str, object]:
    return {"id": number, "name": f"login {number}", "username": f"user{number}@shop.example"}


def _account(number: int) -> dict[str, object]:
    by_queue = number % 3 > 0
    return {
        "id": number,
        "type": ("IMAPS", "IMAP", "POP3S")[number % 3],
        "host": f"mail{number % 97}.example.com",
        "credential_id": number,
        "dispatching": "queue" if by_queue else "to",
        "queue_id": 1 + number % 4 if by_queue else None,
        "comment": f"Mail of department {number}.",
        "created_at": now(),
    }


def _state(number: int) -> dict[str, object]:
    failing = number % 5 == 0
    words = {"error_message": "The host name is not known.", "error_advice": "Check the spelling of Host."}
    return {"account_id": number, "failures": int(failing), "last_success_at": now(), "backlog": 0} | (
        words if failing else dict.fromkeys(words)
    )


def measured(app: Flask, rounds: int) -> list[tuple[str, float, float]]:
    """For each text typed: milliseconds of the filter, and of a bare page that has the same bytes already made."""
    pages: dict[str, str] = {}
    app.add_url_rule("/bare/<int:number>", "bare", for_admins(lambda number: pages[TYPED[number]]))
    client = signed_in(app, "bench")
    for text in TYPED:
        pages[text] = client.get("/accounts", query_string={"q": text}, headers=HTMX).text
    laps = {(text, bare): [] for text in TYPED for bare in (False, True)}
    for _ in range(rounds):
        for text, bare, seconds in _round(client):
            laps[text, bare].append(seconds * 1000)
    return [(text, median(laps[text, False]), median(laps[text, True])) for text in TYPED]


def _round(client: FlaskClient) -> Iterator[tuple[str, bool, float]]:
    for number, text in enumerate(TYPED):
        for bare, address in ((False, "/accounts"), (True, f"/bare/{number}")):
            started = time.perf_counter()
            client.get(address, query_string={"q": text}, headers=HTMX)
            yield text, bare, time.perf_counter() - started


def table(name: str, rows: list[tuple[str, float, float]]) -> Table:
    """A line for each text typed."""
    result = Table(f"{name}: typed", "filter", "bare page", "ratio")
    for column in result.columns[1:]:
        column.justify = "right"
    for text, filtered, bare in rows:
        result.add_row(f"“{text}”", f"{filtered:.0f}", f"{bare:.1f}", f"{filtered / bare:.1f}")
    return result


if __name__ == "__main__":
    main()
