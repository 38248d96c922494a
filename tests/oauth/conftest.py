"""An app whose Microsoft, Google and mail server are the test servers."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.oauth.support import Tenant
from tests.servers.dovecot import Dovecot
from tests.servers.identity import IdentityServer
from tests.support import Desk
from tests.web.conftest import client, lead  # noqa: F401 - fixtures

_NUMBERS = itertools.count(1)

NewTenant = Callable[..., Tenant]


@pytest.fixture
def environ(environ: dict[str, str], identity: IdentityServer, oauth_dovecot: Dovecot) -> dict[str, str]:
    """The identity provider in the place of Microsoft and Google, and Dovecot in that of Exchange Online."""
    outlook = {
        "POSTMASTER_OUTLOOK_HOST": "localhost",
        "POSTMASTER_OUTLOOK_PORT": str(oauth_dovecot.port("imaps")),
        "POSTMASTER_PUBLIC_URL": "http://localhost",
    }
    return {**environ, **identity.environ, **outlook}


@pytest.fixture
def tenant(desk: Desk, identity: IdentityServer, oauth_dovecot: Dovecot) -> Tenant:
    """A mailbox with somebody who may sign in for it, and an app that is registered."""
    number = next(_NUMBERS)
    mailbox, person = f"shared{number}@example.org", f"ada{number}@example.org"
    oauth_dovecot.add_user(mailbox)
    identity.people[person] = mailbox
    identity.own_mailbox = mailbox
    return Tenant(desk, identity, oauth_dovecot, mailbox, person, identity.register(public=True))
