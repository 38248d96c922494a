"""Mail accounts as an admin works with them, on a real mail server."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from tests.browser.account_form import box, fill, label_of, on, press, row_of
from tests.browser.conftest import MakePage
from tests.browser.page_checks import settled, sticking_out, violations
from tests.servers.fixtures import Certificates, TestMailbox
from tests.support import Desk, mail


def test_switching_the_type_shows_its_fields_and_keeps_what_was_typed(page: Page) -> None:
    page.goto("/accounts/add")
    page.locator(".folded > summary").click()
    fill(page, ssl_verify="no", type="IMAPS", host="mail.example.org", folder="Büro", comment="stays")
    box(page, "type").focus()
    for kind, account_type in ACCOUNT_TYPES.items():
        fill(page, type=kind)
        for field in TYPE_FIELDS:
            expect(box(page, field.name)).to_have_count(int(account_type.has(field)))
        expect(box(page, "type")).to_be_focused()
    fill(page, type="IMAPTLS")
    for name, value in {"host": "mail.example.org", "folder": "Büro", "ssl_verify": "no", "comment": "stays"}.items():
        expect(box(page, name)).to_have_value(value)
    expect(box(page, "port")).to_have_attribute("placeholder", "143")
    expect(box(page, "queue")).to_have_count(0)
    fill(page, dispatching="queue", queue="Misc")
    fill(page, dispatching="to")
    fill(page, dispatching="queue")
    expect(box(page, "queue")).to_have_value("Misc")


def test_what_is_refused_is_said_beside_each_field_with_the_focus_on_the_first(page: Page) -> None:
    page.goto("/accounts/add")
    fill(page, type="IMAPS", port="x", dispatching="queue", comment="This must not be lost.")
    press(page, "Save")
    for name in ("host", "port", "queue"):
        expect(box(page, name)).to_have_attribute("aria-invalid", "true")
        expect(box(page, name)).to_have_accessible_description(re.compile("missing|whole number"))
    expect(box(page, "host")).to_be_focused()
    expect(box(page, "comment")).to_have_value("This must not be lost.")
    assert violations(page) == {}
    page.locator("#form-errors").get_by_role("link", name="Queue").click()
    expect(box(page, "queue")).to_be_focused()


def test_a_credential_is_added_on_the_way_and_nothing_is_lost(page: Page, mailbox: TestMailbox) -> None:
    page.goto("/accounts/add")
    fill(page, type="POP3S", host="pop.example.org", port="x", comment="not lost")
    press(page, "Add credential")
    page.locator("main a[href*='kind=basic']").click()
    page.locator("[name=name]").fill(f"of {mailbox.user}")
    page.locator("[name=username]").fill(mailbox.user)
    page.locator("[name=password]").fill(mailbox.password)
    press(page, "Save and finish")
    expect(box(page, "credential")).to_have_value(f"of {mailbox.user}")
    for name, value in {"type": "POP3S", "host": "pop.example.org", "port": "x", "comment": "not lost"}.items():
        expect(box(page, name)).to_have_value(value)


def test_a_server_that_signs_mail_is_offered_and_trusted_by_a_button(
    make_page: MakePage, desk: Desk, mailbox: TestMailbox
) -> None:
    page, entered = make_page(width=360), on(mailbox, "IMAP", desk)
    field = "Authentication-Results: mx.desk.example; dmarc=pass header.from=example.net"
    mailbox.deliver(*(mail(f"judged {number}", headers=[field]) for number in range(3)))
    page.goto("/accounts/add")
    fill(page, **entered)
    press(page, "Test connection")
    expect(page.locator("#connection-test .notice")).to_contain_text("mx.desk.example")
    assert violations(page) == {}
    expect(box(page, "authserv_ids")).to_have_value("")
    press(page, "Trust it")
    expect(box(page, "authserv_ids")).to_have_value("mx.desk.example")
    expect(box(page, "authserv_ids")).to_be_focused()
    assert not any(row["authserv_ids"] for row in desk.ok("account", "list", "--json").json_lines)


def test_a_self_signed_certificate_is_looked_at_then_used_and_the_folder_is_picked(
    make_page: MakePage, desk: Desk, mailbox: TestMailbox, certificates: Certificates
) -> None:
    page, entered = make_page(width=360), on(mailbox, "IMAPS", desk)
    mailbox.server.create_folder(mailbox.user, "Bücher & <b>Mehr</b>")
    mailbox.deliver(mail("<b>bold</b>"), folder="Bücher & <b>Mehr</b>")
    page.goto("/accounts/add")
    fill(page, **{**entered, "host": "127.0.0.2"})
    press(page, "Test connection")
    expect(page.locator("#connection-test li[data-state=fail]")).to_contain_text("SSL Fingerprint")
    press(page, "Use the server’s current certificate")
    found = page.locator("#certificate-found")
    expect(found).to_contain_text("Itself (self-signed)")
    expect(box(page, "ssl_fingerprint")).to_have_value("")
    assert violations(page) == {}
    press(page, "Use this fingerprint")
    expect(box(page, "ssl_fingerprint")).to_have_value(certificates.self_signed.fingerprint())
    expect(box(page, "ssl_fingerprint")).to_be_focused()
    expect(found).to_be_empty()
    press(page, "Browse…")
    expect(page.locator("#folders-found")).to_contain_text("INBOX")
    assert violations(page) == {}
    press(page, "Bücher & <b>Mehr</b>")
    expect(box(page, "folder")).to_have_value("Bücher & <b>Mehr</b>")
    press(page, "Preview the next 10 mails")
    expect(page.locator("#mail-preview li")).to_contain_text("<b>bold</b>")
    expect(page.locator("#mail-preview li")).to_contain_text("New ticket in Misc")
    assert violations(page) == {}
    assert sticking_out(page) == []


def test_filtering_and_deleting_in_the_list(page: Page, desk: Desk, mailbox: TestMailbox) -> None:
    desk.account(mailbox, comment="Only this one")
    label = label_of(mailbox)
    page.goto("/accounts")
    page.get_by_role("searchbox").press_sequentially(f"{label} never")
    page.wait_for_url(re.compile(r"[?&]q="))
    expect(page.locator("tbody[id^=account-]")).to_have_count(1)
    row = row_of(page, label)
    row.get_by_role("link", name=f"Delete {label}").click()
    expect(row).to_contain_text("Its tickets stay")
    expect(row.get_by_role("link", name="Cancel")).to_be_focused()
    assert violations(page) == {}
    settled(page)
    row.get_by_role("button", name="Confirm").click()
    expect(row).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("is deleted")


def test_the_second_of_two_editors_is_told(page: Page, desk: Desk, mailbox: TestMailbox) -> None:
    number = desk.account(mailbox, comment="before")
    page.goto(f"/accounts/{number}")
    desk.ok("account", "set", number, "--comment", "by somebody else", "--trusted", "yes")
    fill(page, comment="by me")
    press(page, "Save")
    for words in ("somebody else changed this account", "by somebody else", "by me"):
        expect(page.get_by_role("alert")).to_contain_text(words)
    expect(box(page, "trusted")).to_have_value("yes")
    press(page, "Save")
    expect(page.locator(".toast")).to_contain_text("is saved")
    assert desk.ok("account", "show", number, "--json").json["comment"] == "by me"
