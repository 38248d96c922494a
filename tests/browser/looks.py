"""What the main pages look like from afar: small pictures to compare pages with, which ``python -m`` renews.

A picture is small on purpose: letters and the clock are no longer seen in it, panels, tables, buttons and colours are.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from tests.browser.site import Site, launch, sign_in
from tests.support import mail
from tests.web.samples import TICKET, number_sample

FOLDER = Path(__file__).parent / "looks"

PAGES = {
    "status": "/status",
    "accounts": "/accounts",
    "account": "/accounts/1/status",
    "account-form": "/accounts/1",
    "tickets": "/tickets",
    "ticket": f"/tickets/{TICKET}",
    "mail": "/mail",
    "quarantine": "/quarantine",
    "filter-form": "/filters/add",
    "settings": "/settings",
}
SCHEMES = ("light", "dark")

# What the pictures of each page are called.
NAMES = {page: [f"{page}-{scheme}" for scheme in SCHEMES] for page in PAGES}

# Every eighth pixel of a window of 1280 by 960.
WIDTH, HEIGHT, SCALE = 1280, 960, 8

# Shade of a pixel, of 255, from which on it is another one; and the share of others from which on a page is.
SHADES, TOLERANCE = 12, 0.02

# Times and charts are different each time.
_HIDDEN = "time, [data-label='Next run'], svg:not(.icon) { visibility: hidden !important; }"

_SHRINK = """async ([picture, width, height]) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + picture;
  await image.decode();
  const canvas = Object.assign(document.createElement('canvas'), {width, height});
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height).data;
  const grey = new Uint8Array(pixels.length / 4);
  for (let at = 0; at < grey.length; at++) {
    grey[at] = Math.round((pixels[4 * at] + pixels[4 * at + 1] + pixels[4 * at + 2]) / 3);
  }
  return [canvas.toDataURL('image/png').split(',')[1], btoa(String.fromCharCode(...grey))];
}"""

Shades = bytes


def play(site: Site) -> None:
    """What the pages show: accounts in each state, mail that became tickets, and some that could not."""
    desk = site.desk
    for name in ("support", "orders", "billing"):
        credential = desk.credential(f"{name}@example.org", "a password")
        desk.add_account(type="IMAPS", host="imap.example.org", credential=credential, dispatching="to")
    desk.add_account(type="POP3S", host="pop.example.org", dispatching="to", validity="invalid")
    for number in range(12):
        desk.ok("read", input=mail(f"Where is order {4711 + number}?", sender="Ada Lovelace <ada@example.net>"))
    number_sample(site.app)


def pictures(context: BrowserContext, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Those of the pictures that have these names, and their names."""
    page = context.new_page()
    for name, address in PAGES.items():
        answer = page.goto(address)
        assert answer is not None
        assert answer.ok, address
        page.evaluate("document.fonts.ready")
        for scheme, picture in zip(SCHEMES, NAMES[name], strict=True):
            if picture in names:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                yield picture, page.screenshot(style=_HIDDEN)


def window(browser: Browser, site: Site, remembered: StorageState) -> BrowserContext:
    """The window that pictures are taken of."""
    return browser.new_context(
        base_url=site.url, storage_state=remembered, viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1
    )


def shrink(blank: Page, picture: bytes) -> tuple[bytes, Shades]:
    """The picture made small, as PNG and as shades, by ``blank``, a page of its own."""
    text = base64.b64encode(picture).decode()
    png, shades = blank.evaluate(_SHRINK, [text, WIDTH // SCALE, HEIGHT // SCALE])
    return base64.b64decode(png), base64.b64decode(shades)


def difference(one: Shades, other: Shades) -> float:
    """The share of pixels that are of another shade, 0 to 1."""
    return sum(abs(a - b) > SHADES for a, b in zip(one, other, strict=True)) / len(one)


def main() -> None:
    """Renew the pictures that the tests compare with."""
    FOLDER.mkdir(exist_ok=True)
    environ = {"POSTMASTER_OUTLOOK_HOST": "outlook.example"}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        blank = browser.new_page()
        with Site({**environ, "POSTMASTER_DATA_DIR": folder}) as site:
            play(site)
            remembered = sign_in(site, browser, "admin")
            for name, picture in pictures(window(browser, site, remembered), [*chain(*NAMES.values())]):
                (FOLDER / f"{name}.png").write_bytes(shrink(blank, picture)[0])
                print(json.dumps(name))


if __name__ == "__main__":
    main()
