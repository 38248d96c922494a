"""The frame of an article in a browser: all pieces of the text, and images however they are referred to."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.parsing.inline_images import WAYS, letter
from tests.parsing.messages import multipart, part, text
from tests.parsing.sealed import attribute, enveloped, properties, smime, tnef, winmail
from tests.parsing.test_other_text import CSV, INVITATION
from tests.support import Desk
from tests.turns import in_turns
from tests.web.ticket_support import opened

DOOR = (0x102, 0x1013, b"<p>The door does <b>not</b> close.</p>")


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


MAIL = {
    "winmail.dat beside a text": (
        winmail(tnef(attribute(0x00069003, properties(DOOR))), b"Sent by the list\r\n"),
        ["Sent by the list", "The door does not close."],
    ),
    "damaged winmail.dat": (
        winmail(tnef(attribute(0x0002800C, b"The door does not close.\0"))[:-1]),
        ["The door does not close.", "“winmail.dat” is damaged or cut off"],
    ),
    "calendar alone": (part(b"Content-Type: text/calendar", body=INVITATION), ["Repair of lift 2", "Where: Hall A"]),
    "csv alone": (part(b"Content-Type: text/csv; name=rooms.csv", body=CSV), ["room;state", "12;cold"]),
    "encrypted": (smime(enveloped()), ["This mail is encrypted (S/MIME)"]),
    "encrypted beside a text": (
        multipart(b"mixed", smime(enveloped()), text(b"Sent by the list\r\n")),
        ["“smime.p7m” is encrypted", "Sent by the list"],
    ),
}


@pytest.mark.parametrize(
    ("kind", "scheme"), [(kind, scheme) for kind in MAIL for scheme in in_turns(["light", "dark"], kind)]
)
def test_what_has_no_plain_text_can_be_read(desk: Desk, page: Page, kind: str, scheme: str) -> None:
    raw, said = MAIL[kind]
    number = opened(desk, raw=b"From: a@b.example\r\nSubject: " + kind.encode() + b"\r\n" + raw)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"/tickets/{number}")
    frame = page.locator("iframe")
    shown = page.frame_locator("iframe").locator("body") if frame.count() else page.locator("main")
    for words in said:
        expect(shown).to_contain_text(words)


def test_images_appear_however_they_are_referred_to(desk: Desk, page: Page) -> None:
    for source, fields in in_turns([*WAYS.values()], "images", 6):
        number = opened(desk, raw=b"From: a@b.example\r\nSubject: image\r\n" + letter(source, fields))
        page.goto(f"/tickets/{number}")
        image = page.frame_locator("iframe").get_by_role("img")
        expect(image).to_be_visible()
        page.frames[1].wait_for_load_state("load")
        assert image.evaluate("image => image.naturalWidth") == 1, source
