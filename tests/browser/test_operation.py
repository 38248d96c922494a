"""The product as it is operated, in the browser: a web server, a worker, Redis, and somebody who is told of trouble."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from postmaster.accounts.health import Health, account_health
from postmaster.accounts.models import MailAccount
from postmaster.database import read_session
from tests.browser.outlook import MAILBOX, NAME, PERSON, add_account, add_credential, authorise
from tests.browser.site import Site, sign_in
from tests.guard.sitecustomize import ATTEMPTS
from tests.servers.alerts import WebhookServer
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates
from tests.servers.identity import IdentityServer
from tests.servers.ports import wait_until
from tests.servers.redis import Redis
from tests.servers.worker import Worker
from tests.support import mail

# Seconds that a worker on a busy machine may take for anything.
PATIENCE = 60

# An address that nobody has (RFC 5737).
ELSEWHERE = "192.0.2.1"


@dataclass
class Operation:
    """All that runs. ``tried`` is the file in which the guard of the tests writes what these processes try."""

    site: Site
    worker: Worker
    hook: WebhookServer
    page: Page
    tried: Path

    def told(self, title: str) -> list[str]:
        """What was sent with that title."""
        return [call["message"] for call in self.hook.calls if call["title"] == f"PostMaster: {title}"]

    def wait_until_healthy(self) -> None:
        """Until the worker has fetched the account, of itself."""
        wait_until(self._is_healthy, "the account to be healthy", PATIENCE)

    def _is_healthy(self) -> bool:
        with self.site.app.app_context(), read_session() as session:
            return account_health(session.get_one(MailAccount, 1)) is Health.HEALTHY

    def written(self) -> dict[str, bytes]:
        """All that was written down, by where."""
        files = (file for file in self.site.folder.rglob("*") if file.is_file())
        return {str(file): file.read_bytes() for file in files} | {"alerts": repr(self.hook.calls).encode()}


@pytest.fixture
def operation(
    certificates: Certificates, identity: IdentityServer, oauth_dovecot: Dovecot, browser: Browser, tmp_path: Path
) -> Iterator[Operation]:
    """All of it, with an admin who has signed in."""
    tried = tmp_path / "tried"
    outlook = {"POSTMASTER_OUTLOOK_HOST": "localhost", "POSTMASTER_OUTLOOK_PORT": str(oauth_dovecot.port("imaps"))}
    with ExitStack() as stack:
        redis, hook = stack.enter_context(Redis()), stack.enter_context(WebhookServer())
        own = {"POSTMASTER_REDIS_URL": redis.url, "POSTMASTER_ALERT_TARGETS": hook.target, "POSTMASTER_WORKERS": "2"}
        shared = {"POSTMASTER_CA_FILE": str(certificates.ca_file), **identity.environ, **outlook}
        site = stack.enter_context(Site({**shared, **own, ATTEMPTS: str(tried)}))
        worker = stack.enter_context(Worker(site.environ, site.folder))
        options = {"storage_state": sign_in(site, browser, "admin"), "ignore_https_errors": True}
        context = stack.enter_context(browser.new_context(base_url=site.url, reduced_motion="reduce", **options))
        yield Operation(site, worker, hook, context.new_page(), tried)


def test_an_outlook_account_is_set_up_from_nothing_loses_its_consent_and_recovers_by_itself(
    operation: Operation, identity: IdentityServer, oauth_dovecot: Dovecot
) -> None:
    page, row = operation.page, operation.page.locator("#account-1")
    oauth_dovecot.add_user(MAILBOX)
    identity.people = {PERSON: MAILBOX}
    add_credential(page, identity.register(redirect_uris=(f"{operation.site.url}/credentials/callback",)))
    authorise(page, "Authorise")
    add_account(page)
    operation.wait_until_healthy()
    page.goto("/accounts")
    fetch_now(page, oauth_dovecot, "The printer burns")
    expect(row.get_by_role("cell", name="1", exact=True)).to_be_visible()
    page.goto("/tickets")
    expect(page.get_by_role("link", name="The printer burns")).to_be_visible()

    identity.revoke(PERSON)
    page.goto("/accounts")
    fetch_now(page, oauth_dovecot, "The scanner as well")
    expect(row).to_contain_text("Credential needs update")
    expect(row).to_contain_text(f"Microsoft ended the authorisation of “{NAME}”: the refresh token has expired.")
    wait_until(lambda: bool(operation.told("Credential needs an update")), "the alert", PATIENCE)
    [alert] = operation.told("Credential needs an update")
    assert alert.startswith(f"Microsoft ended the authorisation of “{NAME}”")
    page.goto("/status")
    expect(page.locator(".incidents")).to_contain_text("Microsoft ended the authorisation")

    page.goto("/credentials")
    expect(page.locator("#credential-1")).to_contain_text("Authorise the credential again.")
    authorise(page, f"Authorise again: {NAME}")
    operation.wait_until_healthy()
    page.goto("/accounts")
    expect(row).to_contain_text("Healthy")
    assert operation.site.desk.titles().keys() == {"The printer burns", "The scanner as well"}
    wait_until(lambda: bool(operation.told("over: Credential needs an update")), "that it is over", PATIENCE)

    assert operation.worker.stop() == 0
    secrets = identity.secrets()
    assert len(secrets) > 8
    found = [(where, text) for where, data in operation.written().items() for text in secrets if text.encode() in data]
    assert found == []
    assert not operation.tried.exists()


def fetch_now(page: Page, server: Dovecot, subject: str) -> None:
    """Send mail, and press the button."""
    server.deliver(MAILBOX, mail(subject))
    page.get_by_role("button", name="Fetch now").first.click()


def test_no_process_of_the_product_reaches_another_machine_while_it_is_tested(operation: Operation) -> None:
    def refused(name: str, act: Callable[[], object]) -> None:
        """Each kind of process is known by its command line."""
        act()
        wait_until(lambda: any(name in line for line in read(operation.tried)), f"an attempt of {name}", PATIENCE)
        [line] = {line for line in read(operation.tried) if name in line}
        assert line.startswith(f"connects to {ELSEWHERE}:")

    desk, page = operation.site.desk, operation.page
    options = ("--kind", "oauth2-generic", "--name", "far", "--grant", "client-credentials", "--username", "ada")
    endpoints = ("--client-id", "x", "--token-endpoint", f"https://{ELSEWHERE}/token")
    desk.ok("credential", "add", *options, *endpoints, "--client-secret-stdin", input="secret")
    far = {"type": "IMAP", "host": ELSEWHERE, "dispatching": "to", "credential": desk.credential("ada", "secret")}
    refused("fast_worker", lambda: desk.add_account(**far))
    command = [sys.executable, "-m", "flask", "--app", "postmaster", "account", "test", "1"]
    refused("account test 1", lambda: subprocess.run(command, env=operation.site.environ, check=False))
    page.goto("/credentials/1")
    refused("gunicorn", page.get_by_role("button", name="Try").click)
    page.goto("/accounts/1")
    refused("--stdin", page.get_by_role("button", name="Test connection").click)


def read(file: Path) -> list[str]:
    """The lines of a file that may not be there yet."""
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost"])
def test_the_browser_finds_nothing_but_the_one_address_of_this_machine(browser: Browser, host: str) -> None:
    with TCPServer((host, 0), SimpleHTTPRequestHandler) as server, browser.new_context() as context:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        page, address = context.new_page(), f"http://{host}:{server.server_address[1]}/robots.txt"
        if host == "localhost":
            assert page.goto(address), "so it is not the server that does not answer"
        else:
            with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
                page.goto(address)
        server.shutdown()
