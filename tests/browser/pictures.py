"""Pictures of all pages, in light, dark, wide and narrow, from the data of the demo: see ``bin/screenshots``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright
from sqlalchemy import select

from bin.launcher.children import Children
from demo.scene import demo_environment, play
from postmaster.accounts.models import Credential, CredentialToken
from postmaster.database import read_session, transaction
from postmaster.desk.models import Article, Attachment
from postmaster.extensions import now
from postmaster.oauth.error_codes import MICROSOFT
from postmaster.operations.heartbeat import Presence, beat
from postmaster.operations.models import ProcessRole
from tests.browser.site import TOP, Site, is_page, launch, sign_in
from tests.support import Desk, mail
from tests.web.samples import add_quarantined, number_sample

FOLDER = TOP / "docs" / "screenshots"

# What says that it lives.
PROCESSES = [Presence(role) for role in ProcessRole]

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 860}},
    "wide": {"color_scheme": "light", "viewport": {"width": 1920, "height": 1080}},
    "360": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}


def main() -> int:
    """Take the pictures whose names begin with one of the arguments, or all. Returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        environ = demo_environment() | {"POSTMASTER_DATA_DIR": folder}
        os.environ.update(environ)
        with Children() as children, sync_playwright() as playwright:
            play(children)
            with Site(environ) as site:
                trouble(site)
                for name in take(site, launch(playwright), tuple(sys.argv[1:])):
                    print(name)
    return 0


def trouble(site: Site) -> None:
    """What does not go as it should, so that it can be seen how that looks."""
    desk: Desk = site.desk
    directory = "address,login,number\nada@example.net,ada,4711\n*@example.net,Example Ltd,20003\n"
    desk.ok("customer", "import", input=directory)
    options = ("--kind", "basic", "--name", "billing", "--username", "billing", "--comment", "Made by the bookkeepers.")
    desk.ok("credential", "add", *options, "--password-stdin", input="not the password\n")
    desk.add_account(
        type="IMAPS", host="mail.shop.example", dispatching="to", comment="Questions about bills come in here."
    )
    lose_consent(site)
    returns = {"address": "returns@shop.example", "credential": "m365", "comment": "Parcels that come back."}
    desk.add_account(type="Outlook365", dispatching="to", **returns)
    desk.add_account(type="POP3S", host="127.0.0.1", port=1, credential="billing", dispatching="to")
    spam = ("--match", "Subject=casino|lottery", "--match", "From=EMAILADDRESS:promo@example.net")
    desk.ok("filter", "add", "--name", "10-spam", *spam, "--set", "X-OTRS-Queue=Junk", "--stop", "yes")
    desk.run("fetch")
    subjects = ("Your order 4711", "Drawings of the garden table", "Invoice 2026-1107")
    for subject in subjects:
        add_quarantined(site.app, [subject], mail(subject, size=4000), 1, "ValueError: a part of it has no end")
    number_sample(site.app, telling_ticket(site))


def telling_ticket(site: Site) -> int:
    """The id of a ticket that has something of everything: a text, a document and a picture."""
    with site.app.app_context(), read_session() as session:
        letter = select(Article.ticket_id).join(Attachment).where(Attachment.filename.like("order-%"))
        return session.scalars(letter.order_by(Article.id)).first() or 1


def lose_consent(site: Site) -> None:
    """Add a credential for Microsoft 365, whose authorisation Microsoft has ended."""
    kind = (
        "--kind",
        "oauth2-microsoft",
        "--tenant",
        "shop.example",
        "--client-id",
        "2d4f7a58-5b0e-4a53-9a4e-0f6c1b7e9d20",
    )
    words = ("--name", "m365", "--secret-expires", (now() + timedelta(days=200)).date().isoformat())
    site.desk.ok("credential", "add", *kind, *words, "--client-secret-stdin", input="secret\n")
    meaning = MICROSOFT["700082"]
    with site.app.app_context(), transaction() as session:
        credential = session.scalars(select(Credential).where(Credential.name == "m365")).one()
        credential.token = CredentialToken(
            authorised_at=now() - timedelta(days=91),
            signed_in_as="maren@shop.example",
            problem=meaning.fault,
            message=f"Microsoft ended the authorisation of “m365”: {meaning.what}.",
            advice=meaning.todo,
            server="AADSTS700082: The refresh token has expired due to inactivity.",
        )


def take(site: Site, browser: Browser, wanted: tuple[str, ...]) -> Iterator[str]:
    """Take the pictures; yields their names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    remembered = sign_in(site, browser, "admin")
    for view, options in VIEWS.items():
        with browser.new_context(base_url=site.url, reduced_motion="reduce", **options) as context:
            yield from _take_one(context, "session-login", "/login", view, wanted)
        with browser.new_context(
            base_url=site.url, reduced_motion="reduce", storage_state=remembered, **options
        ) as context:
            for name, address in pages(site):
                say_alive(site)
                yield from _take_one(context, name, address, view, wanted)


def say_alive(site: Site) -> None:
    """Pretend that a worker runs; none does, or the rows would change under the camera."""
    with site.app.app_context(), transaction() as session:
        for presence in PROCESSES:
            beat(session, presence)


def pages(site: Site) -> Iterator[tuple[str, str]]:
    """Name and address of each page: ``accounts`` for ``accounts.page``, ``accounts-add`` for ``accounts.add``."""
    for endpoint, address in dict(site.addresses()).items():
        if endpoint != "session.login":
            yield endpoint.removesuffix(".page").replace(".", "-").replace("_", "-"), address
    [consentless] = (
        row["id"] for row in site.desk.ok("credential", "list", "--json").json_lines if row["name"] == "m365"
    )
    yield "credentials-edit-oauth2", f"/credentials/{consentless}"
    yield "credentials-add-oauth2", "/credentials/add?kind=oauth2-microsoft"


def _take_one(context: BrowserContext, name: str, address: str, view: str, wanted: tuple[str, ...]) -> Iterator[str]:
    file = f"{name}-{view}.png"
    if wanted and not file.startswith(wanted):
        return
    answer = context.request.get(address)
    if not (answer.ok and is_page(answer)):
        return
    page = context.new_page()
    page.goto(address)
    page.screenshot(path=FOLDER / file)
    page.close()
    yield file


if __name__ == "__main__":
    sys.exit(main())
