"""What tests of OAuth2 do most: add a credential, authorise it, add an account, fetch."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient

from tests.servers.dovecot import Dovecot
from tests.servers.identity import App, IdentityServer
from tests.support import SERVICES, Desk
from tests.web.conftest import token_of

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


def link_of(page: str) -> str:
    """Where the page that answers Authorise sends somebody."""
    found = re.search(r'<a [^>]*id="to-provider"[^>]*href="([^"]+)"', page)
    assert found, "the page has no link to a provider"
    return html.unescape(found[1])


def press_authorise(client: FlaskClient, number: int = 1) -> Any:
    """Press Authorise on the page of the credential; returns the answer."""
    page = client.get(f"/credentials/{number}").text
    return client.post(f"/credentials/{number}/authorise", data={"csrf_token": token_of(page)})


def path_of(address: str) -> str:
    """Path and query of where a provider sends a browser back to."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def authorise(client: FlaskClient, tenant: Tenant, person: str = "", number: int = 1) -> Any:
    """Authorise a credential in the browser, signed in as ``person``; returns the page that follows."""
    back = tenant.identity.sign_in(link_of(press_authorise(client, number).text), person or tenant.person)
    return client.get(path_of(back), follow_redirects=True)
