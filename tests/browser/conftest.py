"""Chromium on the real app. A worker has one server and one browser; each test has a context of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, StorageState, expect, sync_playwright

from tests.browser.site import USERS, Site, launch, sign_in
from tests.conftest import NewDatabase
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates
from tests.servers.identity import IdentityServer
from tests.support import Desk
from tests.web.samples import populate

# A refused form: the browser calls each such answer an error.
REFUSED = r"status of (409|422)"

# Milliseconds that anything on a page may take.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)

MakePage = Callable[..., Page]


@pytest.fixture(scope="session")
def site(
    certificates: Certificates, identity_server: IdentityServer, oauth_dovecot: Dovecot, new_database: NewDatabase
) -> Iterator[Site]:
    """The app with one of everything in it; tests add what is theirs, and rely on nothing else that is there.

    Its Microsoft, Google and Exchange Online are the test servers.
    """
    outlook = {"POSTMASTER_OUTLOOK_HOST": "localhost", "POSTMASTER_OUTLOOK_PORT": str(oauth_dovecot.port("imaps"))}
    environ = {"POSTMASTER_CA_FILE": str(certificates.ca_file), **identity_server.environ, **outlook}
    with new_database() as database, Site({**environ, **database}) as running:
        populate(running.desk, running.app)
        yield running


@pytest.fixture
def desk(site: Site) -> Desk:
    """The command line on the data of the site."""
    return site.desk


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser."""
    with sync_playwright() as playwright:
        yield launch(playwright)


@pytest.fixture(scope="session")
def sessions(site: Site, browser: Browser) -> dict[str, StorageState]:
    """What a browser remembers of each user who signed in, by name. The sign-in page lets nobody try often."""
    return {name: sign_in(site, browser, name) for name in USERS}


@pytest.fixture
def make_page(site: Site, browser: Browser, sessions: dict[str, StorageState]) -> Iterator[MakePage]:
    """``make_page(user="lead", javascript=False, width=360)``: a page; its test fails if it complains of anything.

    ``expected`` is a pattern of complaints that are right, such as "404".
    """
    contexts, problems = [], []

    def make(
        *,
        user: str | None = "admin",
        javascript: bool = True,
        width: int = 1280,
        expected: str = REFUSED,
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            base_url=site.url,
            storage_state=sessions[user] if user else None,
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.extend(_problem(message, expected)))
        page.on("pageerror", lambda error: problems.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert problems == []


def _problem(message: ConsoleMessage, expected: str) -> list[str]:
    """A violated content security policy, a script that failed, a file that is missing."""
    bad = message.type == "error" and not re.search(expected, message.text)
    return [f"{message.text} ({message.location.get('url')})"] if bad else []


@pytest.fixture
def page(make_page: MakePage) -> Page:
    """A page of an admin."""
    return make_page()


@pytest.fixture
def lead_page(make_page: MakePage) -> Page:
    """A page of a team lead."""
    return make_page(user="lead")


@pytest.fixture
def plain_page(make_page: MakePage) -> Page:
    """A page of an admin whose browser runs no JavaScript."""
    return make_page(javascript=False)
