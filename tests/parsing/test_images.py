"""Images within the text: found however they are referred to, and attachments if nobody shows them."""

from __future__ import annotations

import pytest

from postmaster.parsing.parser import parse_message
from tests.parsing.inline_images import WAYS, dot, letter
from tests.parsing.messages import multipart, part, text
from tests.parsing.test_reading import read
from tests.support import Desk


@pytest.mark.parametrize(("source", "fields"), WAYS.values(), ids=WAYS)
def test_an_image_is_found_however_it_is_referred_to(desk: Desk, source: str, fields: tuple[bytes, ...]) -> None:
    shown = read(desk, letter(source, fields))
    assert [each["content_type"] for each in shown["attachments"]] == ["image/png"]
    assert [each.inline for each in parse_message(letter(source, fields)).attachments] == [True]


@pytest.mark.parametrize(
    "label", [b"application/octet-stream", b"image/x-png", b"image/pjpeg", b"image/*", b"image/jpg", b"text/plain"]
)
def test_an_image_has_the_type_that_its_first_bytes_say(desk: Desk, label: bytes) -> None:
    raw = multipart(b"mixed", text(b"see"), dot(b"Content-Disposition: attachment", kind=label))
    assert [each["content_type"] for each in read(desk, raw)["attachments"]] == ["image/png"]


def test_an_image_that_nobody_shows_is_an_attachment_like_others() -> None:
    html = text(b'<p>x</p><!-- <img src="cid:a"> --><!--[if vml]><img src="cid:a"><![endif]-->', subtype=b"html")
    for body in (html, text(b"plain")):
        raw = multipart(b"related", body, dot(b"Content-ID: <a>", b"Content-Disposition: inline"))
        assert [each.inline for each in parse_message(raw).attachments] == [False]


def test_a_file_that_is_no_image_keeps_its_type(desk: Desk) -> None:
    raw = multipart(b"mixed", text(b"see"), part(b"Content-Type: image/png; name=a.png", body=b"no image"))
    assert read(desk, raw)["attachments"][0]["content_type"] == "image/png"
