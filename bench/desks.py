"""Apps that benches measure: their environment, their accounts, and how much there is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from bench.ledger import fill as fill_ledger
from bench.tickets import fill as fill_tickets
from postmaster import create_app
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.config import load_environment
from postmaster.database import dialect_of, transaction
from postmaster.extensions import db, now
from tests.servers.dovecot import PASSWORD
from tests.servers.process import shell_environment

# What follow-ups are found by: keys as long as Message-IDs are, in no order.
KEYS = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :count)
INSERT INTO thread_key (key, ticket_id, own) SELECT {key} || '@mail.example.net', n, {true} FROM counted
"""
DIALECTS = {
    "sqlite": KEYS.format(key="printf('%016x', (n * 2654435761) % 4294967296)", true="1"),
    "postgresql": KEYS.format(key="md5(CAST(n AS text))", true="true"),
}


def environment(folder: Path, database_url: str = "", **more: str) -> dict[str, str]:
    """That of a desk whose data is in ``folder``."""
    own = {"POSTMASTER_DATA_DIR": str(folder), "POSTMASTER_DATABASE_URL": database_url}
    return shell_environment(**own, FLASK_APP="postmaster", FLASK_SKIP_DOTENV="1", **more)


@contextmanager
def desk(environ: Mapping[str, str]) -> Iterator[Flask]:
    """Its app, in its context, with all tables. Raises RuntimeError if they cannot be made."""
    app = create_app(
        load_environment({name: value for name, value in environ.items() if name.startswith("POSTMASTER")})
    )
    if app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code:
        raise RuntimeError("The database could not be made.")
    with app.app_context():
        yield app
        db.engine.dispose()


def add_accounts(count: int, kind: str, port: int) -> None:
    """Accounts ``user0`` and so on of one server, that are not due before somebody asks for them."""
    sealed = seal(PASSWORD)
    with transaction() as session:
        for number in range(count):
            credential = Credential(name=f"c{number}", username=f"user{number}", sealed_password=sealed)
            state = AccountState(failures=0, next_run_at=now() + timedelta(days=1))
            session.add(MailAccount(type=kind, host="127.0.0.1", port=port, credential=credential, state=state))


def fill(app: Flask, tickets: int, rows: int) -> None:
    """Store so many tickets, each with its key, and rows of the ledger."""
    fill_tickets(app, tickets)
    with transaction() as session:
        session.execute(text(DIALECTS[dialect_of(session)]), {"count": tickets})
        if dialect_of(session) == "postgresql":  # the tickets were given their ids
            session.execute(text("SELECT setval(pg_get_serial_sequence('ticket', 'id'), :count)"), {"count": tickets})
    fill_ledger(rows)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if db.engine.dialect.name == "postgresql" else "ANALYZE"))
