"""The frame of an article in a browser: all pieces of the text, and images however they are referred to."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.parsing.inline_images import WAYS, letter
from tests.parsing.messages import multipart, text
from tests.support import Desk
from tests.web.ticket_support import opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plain_and_html_pieces_are_all_shown_in_their_order(desk: Desk, page: Page, scheme: str) -> None:
    open_comment = text(b"<p>first</p><!-- never closed", subtype=b"html")
    raw = multipart(b"mixed", open_comment, text(b"second <b> & c\r\n"), text(b"<p>third</p>", subtype=b"html"))
    number = opened(desk, raw=b"From: a@b.example\r\nSubject: pieces\r\n" + raw)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"/tickets/{number}")
    body = page.frame_locator("iframe").locator("body")
    expect(body).to_contain_text("third")
    assert body.inner_text().split() == ["first", "second", "<b>", "&", "c", "third"]


def test_images_appear_however_they_are_referred_to(desk: Desk, page: Page) -> None:
    for source, fields in WAYS.values():
        number = opened(desk, raw=b"From: a@b.example\r\nSubject: image\r\n" + letter(source, fields))
        page.goto(f"/tickets/{number}")
        image = page.frame_locator("iframe").get_by_role("img")
        expect(image).to_be_visible()
        page.frames[1].wait_for_load_state("load")
        assert image.evaluate("image => image.naturalWidth") == 1, source
