"""Apps that benches measure: their environment, their accounts, and how much there is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from flask import Flask

from postmaster import create_app
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.config import load_environment
from postmaster.database import transaction
from postmaster.extensions import db, now
from tests.servers.dovecot import PASSWORD
from tests.servers.process import shell_environment


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
