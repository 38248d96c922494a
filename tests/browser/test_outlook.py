"""The pages of Microsoft 365 and of authorisations, without scripts and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakePage
from tests.browser.outlook import MAILBOX, PERSON, add_account, add_credential, authorise
from tests.browser.page_checks import sticking_out, violations
from tests.browser.site import Site
from tests.servers.dovecot import Dovecot
from tests.servers.identity import App, IdentityServer
from tests.support import Desk, mail
from tests.turns import in_turns


@pytest.fixture
def app(site: Site, identity: IdentityServer, oauth_dovecot: Dovecot) -> App:
    """An app that is registered at Microsoft, with somebody who has access to a shared mailbox."""
    oauth_dovecot.add_user(MAILBOX)
    oauth_dovecot.deliver(MAILBOX, mail("The printer burns"))
    identity.people = {PERSON: MAILBOX}
    return identity.register(redirect_uris=(f"{site.url}/credentials/callback",))


def test_an_outlook_account_is_set_up_by_the_pages_without_a_script(
    make_page: MakePage, desk: Desk, app: App, oauth_dovecot: Dovecot
) -> None:
    page = make_page(javascript=False, ignore_https_errors=True, expected="404")  # the provider has no icon
    add_credential(page, app)
    authorise(page, "Authorise")
    add_account(page)
    assert desk.fetch("--account", MAILBOX)["totals"]["new"] == 1
    page.goto("/tickets")
    expect(page.get_by_role("link", name="The printer burns").first).to_be_visible()
    assert oauth_dovecot.count(MAILBOX) == 0


@pytest.mark.parametrize(
    "kind",
    in_turns(["", "?kind=basic", "?kind=oauth2-microsoft", "?kind=oauth2-google", "?kind=oauth2-generic"], "forms", 2),
)
def test_the_form_of_each_kind_fits_a_phone_and_passes_axe(make_page: MakePage, kind: str) -> None:
    page = make_page(width=360)
    page.goto(f"/credentials/add{kind}")
    assert sticking_out(page) == []
    assert violations(page) == {}


def test_the_pages_of_an_authorisation_fit_a_phone_and_pass_axe(make_page: MakePage, desk: Desk, app: App) -> None:
    options = ("--kind", "oauth2-microsoft", "--grant", "client-credentials", "--tenant", "contoso.example")
    words = ("--name", "app-only", "--client-id", app.client_id, "--username", MAILBOX, *options)
    app_only = desk.ok("credential", "add", *words, "--client-secret-stdin", input=app.secret).stdout.strip()
    words = ("--kind", "oauth2-google", "--name", "google", "--client-id", app.client_id)
    google = desk.ok("credential", "add", *words, "--client-secret-stdin", input=app.secret).stdout.strip()
    page = make_page(width=360, expected="400")
    page.goto(f"/credentials/{app_only}")
    commands = page.locator(".setup pre").filter(has_text="New-ServicePrincipal").inner_text().splitlines()
    assert (commands[0], len(commands)) == (f"$app = '{app.client_id}'", 6), "that is what is copied"
    helped = ("/credentials/callback?state=forged", "/help/providers", "/credentials")
    for address in (f"/credentials/{app_only}", *helped, f"/credentials/{google}"):
        page.goto(address)
        assert sticking_out(page) == [], address
        assert violations(page) == {}, address
    page.get_by_role("button", name="Authorise").click()
    expect(page.get_by_role("heading", name="Authorise google")).to_be_visible()
    assert sticking_out(page) == []
    assert violations(page) == {}
