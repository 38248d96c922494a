"""The command line as administrators use it, in few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from postmaster.database import read_session
from postmaster.resources.models import AuditEvent
from tests.results import Result, Run

PASSWORD = "correct horse battery"


def options(fields: dict[str, object]) -> list[object]:
    """``{"ssl_verify": "no"}`` as ``["--ssl-verify", "no"]``."""
    return [part for name, value in fields.items() for part in (f"--{name.replace('_', '-')}", value)]


@dataclass(frozen=True)
class Admin:
    """Gives commands. ``add_…`` methods see that they succeed and return the new id."""

    run: Run

    def add_credential(self, name: str = "C", username: str = "info@example.com", password: str = PASSWORD) -> int:
        """Add a credential."""
        result = self.run("credential", "add", *options({"name": name, "username": username}), "--password-stdin",
                          input=password)  # fmt: skip
        return self._id(result)

    def add_account(self, **fields: object) -> int:
        """Add an account; IMAPS on mail.example.com unless told otherwise."""
        return self._id(self.run("account", "add", *options({"type": "IMAPS", "host": "mail.example.com"} | fields)))

    def add_queue(self, name: str, **fields: object) -> int:
        """Add a queue."""
        return self._id(self.run("queue", "add", *options({"name": name} | fields)))

    def add_address(self, address: str, queue: str, name: str = "Sales") -> int:
        """Add a system address."""
        return self._id(self.run("address", "add", *options({"address": address, "name": name, "queue": queue})))

    def show(self, noun: str, which: object) -> Any:
        """A resource, as JSON."""
        result = self.run(noun, "show", which, "--json")
        assert result.exit_code == 0, result.stderr
        return result.json

    def list(self, noun: str) -> list[Any]:
        """All resources of a kind, as JSON."""
        return self.run(noun, "list", "--json").json_lines

    @staticmethod
    def _id(result: Result) -> int:
        assert result.exit_code == 0, result.stderr
        return int(result.stdout)


def audit_log() -> list[AuditEvent]:
    """What was recorded; needs an app context."""
    with read_session() as session:
        return list(session.scalars(select(AuditEvent).order_by(AuditEvent.id)))
