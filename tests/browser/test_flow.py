"""Mail flows by itself, and whoever looks sees it, without loading a page again: real worker, Redis and mail server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from postmaster.database import transaction
from postmaster.web.pulse import QUICK
from tests.browser.page_checks import violations
from tests.browser.site import Site, sign_in
from tests.jobs.conftest import all_is_well
from tests.servers.fixtures import Certificates, TestMailbox
from tests.servers.flask_process import FlaskProcesses
from tests.servers.ports import wait_until
from tests.servers.redis import Redis
from tests.servers.worker import Worker
from tests.support import mail, mails

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def flow_site(certificates: Certificates, redis: Redis, flask_process: FlaskProcesses) -> Iterator[Site]:
    """An app with a Redis, and no accounts yet."""
    environ = {"POSTMASTER_CA_FILE": str(certificates.ca_file), "POSTMASTER_REDIS_URL": redis.url}
    with Site({**environ, "POSTMASTER_WORKERS": "1"}, flask_process) as running:
        yield running


@pytest.fixture(scope="module")
def context(flow_site: Site, browser: Browser) -> Iterator[BrowserContext]:
    """What a browser remembers of the admin."""
    remembered = sign_in(flow_site, browser, "admin")
    with browser.new_context(base_url=flow_site.url, storage_state=remembered, reduced_motion="reduce") as context:
        yield context


@pytest.fixture
def worker(flow_site: Site, flask_process: FlaskProcesses) -> Iterator[Worker]:
    """A worker that runs until the test ends."""
    with Worker(flow_site.environ, flow_site.folder, processes=flask_process) as worker:
        yield worker
        worker.stop()  # so that it says that it is gone


@pytest.mark.usefixtures("worker")
def test_mail_becomes_tickets_and_the_row_turns_healthy_with_no_reload(
    flow_site: Site, context: BrowserContext, mailbox: TestMailbox, flask_process: FlaskProcesses
) -> None:
    account = flow_site.desk.account(mailbox, interval=1000)
    page = context.new_page()
    page.clock.install()
    page.goto("/accounts")
    row = page.locator(f"#account-{account}")
    page.evaluate("window.stayed = true")
    wait_until(lambda: all_is_well(flow_site.desk), "the first fetch")
    beat(page, "/accounts/live")
    expect(page.locator("#pulse")).to_contain_text("Fetcher running")
    expect(row).to_contain_text("Healthy")
    mailbox.deliver(*mails(3))
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
    row.get_by_role("button", name="Fetch now").click()
    expect(page.locator("#toasts")).to_contain_text("is queued for fetching.")
    expect(page.locator("#pulse")).to_have_attribute("hx-trigger", f"every {QUICK}s")  # it beats quickly from now on
    page.clock.resume()
    expect(row.get_by_role("cell", name="3", exact=True)).to_be_visible()
    expect(row).to_contain_text("Healthy")
    assert page.evaluate("window.stayed")
    assert len(flow_site.desk.tickets()) == 3
    row.get_by_role("link", name="Healthy").click()
    expect(page.get_by_role("heading", name="Last runs")).to_be_visible()
    expect(page.locator(".short-runs tbody tr").first).to_contain_text("admin")
    assert violations(page) == {}


def test_never_fetched_turns_healthy_when_a_worker_comes(
    flow_site: Site, context: BrowserContext, mailbox: TestMailbox, flask_process: FlaskProcesses
) -> None:
    mailbox.deliver(mail("the printer burns"))
    account = flow_site.desk.account(mailbox, interval=1000)
    page, tickets = context.new_page(), context.new_page()
    page.clock.install()
    tickets.goto("/tickets")
    expect(tickets.locator("main")).not_to_contain_text("the printer burns")
    page.goto("/accounts")
    row = page.locator(f"#account-{account}")
    expect(row).to_contain_text("Never fetched")
    expect(page.locator("#banner")).to_contain_text("Fetching has stopped")
    page.evaluate("window.stayed = true")
    with Worker(flow_site.environ, flow_site.folder, processes=flask_process) as worker:
        wait_until(lambda: all_is_well(flow_site.desk), "the worker to have fetched")
        beat(page, "/accounts/live")
        expect(row).to_contain_text("Healthy")
        expect(page.locator("#banner")).to_be_hidden()
        expect(row.locator("[data-label=Today]")).to_have_text("1")
        assert page.evaluate("window.stayed")
        tickets.reload()
        expect(tickets.locator("main")).to_contain_text("the printer burns")
        assert mailbox.count() == 0
        worker.stop()


@contextmanager
def without_queues(site: Site) -> Iterator[None]:
    """A database that cannot say what the board asks of it."""
    for rename in ("queue RENAME TO gone", "gone RENAME TO queue"):
        with site.app.app_context(), transaction() as session:
            session.execute(text(f"ALTER TABLE {rename}"))
        if rename.startswith("queue"):
            yield


def beat(page: Page, address: str) -> None:
    """Wait until the page has asked once."""
    with page.expect_response(lambda response: address in response.url):
        page.clock.run_for(16_000)


def test_while_the_board_cannot_be_renewed_one_message_says_so_and_goes_with_the_next_answer(
    flow_site: Site, context: BrowserContext
) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto("/status")
    with without_queues(flow_site):
        for _ in range(3):
            beat(page, "/status/board")
            expect(page.locator(".toast")).to_have_count(1)
        expect(page.locator(".toast")).to_contain_text("PostMaster cannot work at the moment")
        assert violations(page) == {}
    beat(page, "/status/board")
    expect(page.locator(".toast")).to_have_count(0)


def test_while_the_server_does_not_answer_the_page_says_how_old_it_is(flow_site: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto("/runs")
    stale = page.locator(".stale")
    expect(stale).to_be_hidden()
    flow_site.kill()
    page.clock.run_for(16_000)
    page.evaluate("document.querySelector('.stale').getAnimations()[0].currentTime = 45001")
    expect(stale).to_contain_text("No connection to PostMaster since")
    expect(stale).to_be_visible()
    assert violations(page) == {}
    flow_site.start()
    beat(page, "/runs/news")
    expect(stale).to_be_hidden()


def test_the_wall_shows_that_fetching_is_paused_until_its_link_is_revoked(
    flow_site: Site, context: BrowserContext, browser: Browser
) -> None:
    page = context.new_page()
    page.goto("/operation")
    page.get_by_role("button", name="Create link").click()
    link = page.get_by_role("link", name="Open wall view").get_attribute("href")
    assert link
    with browser.new_context(base_url=flow_site.url, reduced_motion="reduce") as stranger:
        wall = stranger.new_page()
        wall.clock.install()
        wall.goto(link)
        page.get_by_label("Reason").fill("Moving house")
        page.get_by_role("button", name="Pause all fetching").click()
        expect(page.locator("#banner")).to_contain_text("Moving house")
        beat(wall, "/wall/")
        expect(wall.locator("#board")).to_contain_text("All fetching is paused")
        assert "Moving house" not in wall.content()
        assert wall.locator("#site-nav").count() == 0
        assert violations(wall) == {}
        page.locator("#resume").click()
        expect(page.locator("#banner")).not_to_contain_text("Moving house")
        page.goto("/operation")
        page.get_by_role("button", name="Revoke the link").click()
        expect(page.get_by_role("button", name="Create link")).to_be_visible()
        answer = wall.goto(link)
        assert answer
        assert answer.status == 404
