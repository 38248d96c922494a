"""What somebody does in the browser to have mail of Microsoft 365 fetched, without having seen any of it before."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.servers.identity import App

# A shared mailbox, somebody who may open it, and what the credential is called.
MAILBOX, PERSON, NAME = "servicedesk@example.org", "maren@example.org", "m365-servicedesk"


def add_credential(page: Page, app: App) -> None:
    """Add a credential for the app, and stay on its page."""
    page.goto("/credentials")
    page.get_by_role("link", name="Add credential").click()
    page.get_by_role("link", name=re.compile("OAuth2 Microsoft")).click()
    entered = {"name": NAME, "tenant": "contoso.example", "client_id": app.client_id, "client_secret": app.secret}
    for field, text in entered.items():
        page.locator(f"#{field}").fill(text)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Yes, never authorised")).to_be_visible()


def authorise(page: Page, words: str) -> None:
    """Press the button, sign in at the provider, and come back."""
    page.get_by_role("button", name=words).first.click()
    page.get_by_role("link", name=re.compile(r"^Go to 127\.0\.0\.1")).click()
    page.get_by_label("Account").select_option(PERSON)
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text(f"is authorised, and signs in as {PERSON}")).to_be_visible()


def add_account(page: Page) -> None:
    """Add an Outlook365 account on the mailbox."""
    page.goto("/accounts/add")
    page.locator("#type").select_option("Outlook365")
    if (show := page.get_by_role("button", name="Show the fields of this type")).is_visible():
        show.click()
    page.locator("#address").fill(MAILBOX)
    page.locator("#credential").select_option(NAME)
    page.get_by_role("button", name="Save and finish").click()
    expect(page).to_have_url(re.compile(r"/accounts$"))
