"""Chromium on the real app. A worker has one server and one browser; pages are as good as new in each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from tests.browser.kept_pages import PATIENCE, KeptPages
from tests.browser.site import USERS, Site, launch, sign_in
from tests.conftest import NewDatabase
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates
from tests.servers.flask_process import FlaskProcesses
from tests.servers.identity import IdentityServer
from tests.support import Desk
from tests.web.samples import populate

# A refused form: the browser calls each such answer an error.
REFUSED = r"status of (409|422)"

expect.set_options(timeout=PATIENCE)

MakePage = Callable[..., Page]


@pytest.fixture(scope="session")
def site(
    certificates: Certificates,
    identity_server: IdentityServer,
    oauth_dovecot: Dovecot,
    new_database: NewDatabase,
    flask_process: FlaskProcesses,
) -> Iterator[Site]:
    """The app with one of everything in it; tests add what is theirs, and rely on nothing else that is there.

    Its Microsoft, Google and Exchange Online are the test servers.
    """
    outlook = {"POSTMASTER_OUTLOOK_HOST": "localhost", "POSTMASTER_OUTLOOK_PORT": str(oauth_dovecot.port("imaps"))}
    environ = {"POSTMASTER_CA_FILE": str(certificates.ca_file), **identity_server.environ, **outlook}
    with new_database() as database, Site({**environ, **database}, flask_process) as running:
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


@pytest.fixture(scope="session")
def kept_pages(site: Site, browser: Browser, sessions: dict[str, StorageState]) -> KeptPages:
    """The pages of those who have signed in, for one test after the other."""
    return KeptPages(browser, site.url, sessions)


@pytest.fixture
def make_page(kept_pages: KeptPages) -> Iterator[MakePage]:
    """``make_page(user="lead", javascript=False, width=360)``: a page; its test fails if it complains of anything.

    ``expected`` is a pattern of complaints that are right, such as "404". With ``alone`` no other test gets the page:
    for what cannot be undone, such as another clock.
    """
    problems: list[list[str]] = []
    with ExitStack() as stack:

        def make(
            *,
            expected: str = REFUSED,
            alone: bool = False,
            width: int = 1280,
            color_scheme: Literal["light", "dark"] = "light",
            **options: Any,
        ) -> Page:
            wanted = {"user": "admin", "javascript": True, **options}
            if alone or not wanted["user"]:
                kept = kept_pages.make(**wanted)
                stack.callback(kept.page.context.close)
            else:
                kept = kept_pages.take(**wanted)
                stack.callback(kept_pages.give_back, kept, **wanted)
            kept.begin(expected, width, color_scheme)
            problems.append(kept.problems)
            return kept.page

        yield make
        found = [problem for each in problems for problem in each]
    assert found == []


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
