"""The first run: from signing in to the first ticket, by keyboard alone, in few steps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.keyboard import Keyboard
from tests.browser.page_checks import violations
from tests.browser.site import PASSWORD, Site
from tests.servers.dns import DnsServer
from tests.servers.fixtures import Certificates, TestMailbox
from tests.servers.flask_process import FlaskProcesses
from tests.servers.redis import Redis
from tests.servers.worker import Worker
from tests.support import mail

# How often something is pressed at most.
MAX_PRESSED = 7


@pytest.fixture
def fresh_site(
    certificates: Certificates, redis: Redis, mailbox: TestMailbox, flask_process: FlaskProcesses
) -> Iterator[Site]:
    """An app without accounts, and a domain that names the server of ``mailbox``."""
    record = f"0 1 {mailbox.server.port('imaps')} localhost."
    with DnsServer({}, {("_imaps._tcp.localhost", "SRV"): [record]}) as zone:
        environ = {"POSTMASTER_CA_FILE": str(certificates.ca_file), "POSTMASTER_REDIS_URL": redis.url}
        environ |= {"POSTMASTER_WORKERS": "1", "POSTMASTER_DNS_SERVERS": zone.address}
        with Site(environ, flask_process) as running:
            yield running


def test_from_signing_in_to_the_first_ticket(
    fresh_site: Site, browser: Browser, mailbox: TestMailbox, flask_process: FlaskProcesses
) -> None:
    mailbox.server.add_user("anna@localhost")
    own = TestMailbox(mailbox.server, "anna@localhost")
    with (
        Worker(fresh_site.environ, fresh_site.folder, processes=flask_process) as worker,
        browser.new_context(base_url=fresh_site.url, reduced_motion="reduce") as context,
    ):
        page = context.new_page()
        keyboard = Keyboard(page)
        page.goto("/")
        keyboard.type(page.get_by_label("User name", exact=True), "admin")
        keyboard.type(page.get_by_label("Password", exact=True), PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/status")
        keyboard.press(page.locator("#guide").get_by_role("link", name="Add mail account"))
        expect(page.get_by_role("link", name="Another server")).to_be_visible()
        assert violations(page) == {}
        keyboard.press(page.get_by_role("link", name="Another server"))
        keyboard.type(page.get_by_label("E-mail Address", exact=True), own.user)
        keyboard.type(page.get_by_label("Password", exact=True), own.password)
        expect(page.locator("#discovery-found")).to_contain_text("its certificate is verified")
        expect(page.locator("[name=host]")).to_have_value("localhost")
        expect(page.get_by_label("Password", exact=True)).to_be_focused()
        expect(page.get_by_label("Password", exact=True)).to_have_value(own.password)
        expect(page.locator("details.folded summary")).to_contain_text("Verified")
        assert violations(page) == {}
        keyboard.press(page.get_by_role("button", name="Test connection"))
        expect(page.locator("#connection-test")).to_contain_text("All went well")
        keyboard.press(page.get_by_role("button", name="Save and finish"))
        page.wait_for_url("**/accounts")
        guide = page.locator("#guide")
        # The worker comes by itself, and may be there before the page is. It finds nothing until the guide has said so.
        step = guide.locator("[aria-current=step]")
        expect(step).to_contain_text("The mailbox is empty. Send a mail to it, and fetch again.")
        assert violations(page) == {}
        own.deliver(mail("the printer burns"))
        keyboard.press(guide.get_by_role("button", name="Fetch now"))
        keyboard.press(guide.get_by_role("link", name="Look at the first ticket"))
        expect(page.locator("h1")).to_contain_text("the printer burns")
        assert keyboard.pressed <= MAX_PRESSED
        worker.stop()
    assert fresh_site.desk.ok("credential", "list", "--json").json_lines[0]["username"] == own.user
