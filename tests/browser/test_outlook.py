"""Microsoft 365 from nothing: credential, authorisation, account, ticket; revoked, and authorised again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakePage
from tests.browser.looking import sticking_out, violations_in_both
from tests.browser.site import Site
from tests.servers.dovecot import Dovecot
from tests.servers.identity import App, IdentityServer
from tests.support import Desk, mail

MAILBOX, PERSON, NAME = "servicedesk@example.org", "maren@example.org", "m365-servicedesk"


@pytest.fixture
def app(site: Site, identity: IdentityServer, oauth_dovecot: Dovecot) -> App:
    """An app that is registered at Microsoft, with somebody who has access to a shared mailbox."""
    oauth_dovecot.add_user(MAILBOX)
    oauth_dovecot.deliver(MAILBOX, mail("The printer burns"))
    identity.people = {PERSON: MAILBOX}
    return identity.register(redirect_uris=(f"{site.url}/credentials/callback",))


def authorise(page: Page, words: str) -> None:
    """Press the button on the credential's page, sign in at the provider, and come back."""
    page.get_by_role("button", name=words).first.click()
    page.get_by_role("link", name=re.compile("^Go to localhost")).click()
    page.get_by_label("Account").select_option(PERSON)
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text(f"is authorised, and signs in as {PERSON}")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_an_outlook_account_is_set_up_by_the_pages_alone_and_recovers_by_itself(
    make_page: MakePage, desk: Desk, app: App, identity: IdentityServer, oauth_dovecot: Dovecot, javascript: bool
) -> None:
    page = make_page(javascript=javascript, ignore_https_errors=True, expected="404")  # the provider has no icon
    name = f"{NAME}-{javascript}"
    page.goto("/credentials")
    page.get_by_role("link", name="Add credential").click()
    page.get_by_role("link", name=re.compile("OAuth2 Microsoft")).click()
    entered = {"name": name, "tenant": "contoso.example", "client_id": app.client_id, "client_secret": app.secret}
    for field, text in entered.items():
        page.locator(f"#{field}").fill(text)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Yes, never authorised")).to_be_visible()
    authorise(page, "Authorise")
    add_account(page, name)
    assert desk.fetch("--account", MAILBOX)["totals"]["new"] == 1
    page.goto("/tickets")
    expect(page.get_by_role("link", name="The printer burns").first).to_be_visible()
    identity.revoke(PERSON)
    desk.fetch("--account", MAILBOX, code=1)
    page.goto("/accounts?q=servicedesk")
    expect(page.get_by_text("Credential needs update").first).to_be_visible()
    page.goto(f"/credentials?q={name}")
    expect(page.get_by_text("Microsoft ended the authorisation").first).to_be_visible()
    authorise(page, f"Authorise again: {name}")
    assert desk.fetch("--account", MAILBOX)["totals"]["found"] == 0
    page.goto("/accounts?q=servicedesk")
    expect(page.get_by_text("Healthy").first).to_be_visible()
    desk.ok("account", "delete", MAILBOX, "--yes")
    desk.ok("credential", "delete", name, "--yes")


def add_account(page: Page, credential: str) -> None:
    """Add an Outlook365 account on the mailbox."""
    page.goto("/accounts/add")
    page.locator("#type").select_option("Outlook365")
    if (show := page.get_by_role("button", name="Show the fields of this type")).is_visible():
        show.click()
    page.locator("#address").fill(MAILBOX)
    page.locator("#credential").select_option(credential)
    page.get_by_role("button", name="Save and finish").click()
    expect(page).to_have_url(re.compile(r"/accounts$"))


@pytest.mark.parametrize(
    "kind", ["", "?kind=basic", "?kind=oauth2-microsoft", "?kind=oauth2-google", "?kind=oauth2-generic"]
)
def test_the_form_of_each_kind_fits_a_phone_and_passes_axe(make_page: MakePage, kind: str) -> None:
    page = make_page(width=360)
    page.goto(f"/credentials/add{kind}")
    assert sticking_out(page) == []
    assert violations_in_both(page) == {}


def test_the_pages_of_an_authorisation_fit_a_phone_and_pass_axe(make_page: MakePage, desk: Desk, app: App) -> None:
    options = ("--kind", "oauth2-microsoft", "--grant", "client-credentials", "--tenant", "contoso.example")
    words = ("--name", "app-only", "--client-id", app.client_id, "--username", MAILBOX, *options)
    app_only = desk.ok("credential", "add", *words, "--client-secret-stdin", input=app.secret).stdout.strip()
    words = ("--kind", "oauth2-google", "--name", "google", "--client-id", app.client_id)
    google = desk.ok("credential", "add", *words, "--client-secret-stdin", input=app.secret).stdout.strip()
    page = make_page(width=360, expected="400")
    for address in (f"/credentials/{app_only}", "/credentials/callback?state=forged", f"/credentials/{google}"):
        page.goto(address)
        assert sticking_out(page) == [], address
        assert violations_in_both(page) == {}, address
    page.get_by_role("button", name="Authorise").click()
    expect(page.get_by_role("heading", name="Authorise google")).to_be_visible()
    assert sticking_out(page) == []
    assert violations_in_both(page) == {}
