"""The form of a mail account, filled in by a browser."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.browser.page_checks import settled
from tests.servers.fixtures import TestMailbox
from tests.support import SERVICES, Desk


def box(page: Page, name: str) -> Locator:
    """The visible input of that name in the form."""
    return page.locator(f"#account-form [name={name}]:not([type=hidden])")


def fill(page: Page, **values: object) -> None:
    """Fill in fields by their names, each after what the one before has changed."""
    for name, value in values.items():
        found = box(page, name)
        if found.first.get_attribute("type") == "radio":
            page.locator(f"#account-form [name={name}][value={value}]").check()
        elif found.evaluate("each => each.tagName") == "SELECT":
            found.select_option(str(value))
        else:
            found.fill(str(value))
        settled(page)


def press(page: Page, name: str) -> None:
    """Press the button of that name."""
    page.get_by_role("button", name=name, exact=True).click()


def on(mailbox: TestMailbox, kind: str, desk: Desk) -> dict[str, object]:
    """What to enter for ``mailbox``."""
    return {
        "type": kind,
        "host": "127.0.0.1",
        "port": mailbox.server.port(SERVICES[kind]),
        "credential": desk.credential(mailbox.user, mailbox.password),
        "dispatching": "queue",
        "queue": "Misc",
        "comment": f"Mail of {mailbox.user}.",
    }


def label_of(mailbox: TestMailbox) -> str:
    """What an account on ``mailbox`` is called."""
    return f"{mailbox.user.split('@')[0]}@127.0.0.1"


def row_of(page: Page, label: str) -> Locator:
    """The row of the account that is called so, with what is said below it."""
    return page.locator("tbody[id^=account-]").filter(has_text=label)
