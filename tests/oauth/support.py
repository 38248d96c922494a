"""What tests of OAuth2 do most: add a credential, authorise it, add an account, fetch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.servers.dovecot import Dovecot
from tests.servers.identity import App, IdentityServer
from tests.support import SERVICES, Desk

TENANT = "6f3bdd7c-15d2-4f4c-9f0a-2b0d3f6f1a11"


@dataclass
class Tenant:
    """A mailbox on Dovecot, ``person`` who may sign in for it, and ``app``, which is registered with the provider."""

    desk: Desk
    identity: IdentityServer
    server: Dovecot
    mailbox: str
    person: str
    app: App

    def add_credential(self, kind: str = "oauth2-microsoft", name: str = "cloud", **options: str) -> str:
        """Add a credential for the app; returns its name."""
        fields = {"kind": kind, "name": name, "client-id": self.app.client_id, **self.usual(kind), **options}
        words = [word for option, value in fields.items() for word in (f"--{option.replace('_', '-')}", value)]
        self.desk.ok("credential", "add", *words, "--client-secret-stdin", input=self.app.secret)
        return name

    def usual(self, kind: str) -> dict[str, str]:
        """Options that a credential of that kind has here."""
        url = self.identity.url
        if kind == "oauth2-microsoft":
            return {"tenant": TENANT, "username": self.mailbox}
        if kind == "oauth2-google":
            return {"username": self.mailbox}
        endpoints = {"token_endpoint": f"{url}/token", "authorization_endpoint": f"{url}/authorize"}
        return {**endpoints, "device_endpoint": f"{url}/devicecode", "scopes": "openid mail", "username": self.mailbox}

    def authorise(self, name: str = "cloud", person: str = "") -> None:
        """Authorise the credential by a device code that ``person`` enters at once."""
        self.identity.eager = person or self.person
        self.desk.ok("credential", "authorise", name)
        self.identity.eager = ""

    def add_account(self, kind: str = "Outlook365", name: str = "cloud", **options: object) -> str:
        """Add an account on the mailbox; returns its id."""
        where: dict[str, object] = {"address": self.mailbox}
        if kind != "Outlook365":
            where = {"host": "localhost", "port": self.server.port(SERVICES[kind])}
        return self.desk.add_account(**{"type": kind, "credential": name, **where, **options})

    def ready(self, kind: str = "Outlook365", **options: Any) -> str:
        """An account of that type, with a credential that is authorised; returns its id."""
        self.add_credential(**options)
        self.authorise()
        return self.add_account(kind)

    def deliver(self, *raws: bytes) -> None:
        """Put messages into the mailbox."""
        self.server.deliver_many(self.mailbox, raws)

    def health(self, noun: str = "account", which: str = "1") -> str:
        """How the account or credential stands."""
        return str(self.desk.ok(noun, "show", which, "--json").json["health"])
