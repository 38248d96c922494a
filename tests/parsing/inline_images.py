"""The ways in which the HTML of a mail refers to an image that came with it (RFC 2392, RFC 2557, and others)."""

from __future__ import annotations

import base64

from tests.parsing.messages import multipart, part, text
from tests.web.samples import PIXEL

NAMED = b'Content-Disposition: inline; filename="dot one.png"'

WAYS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "as the standard has it": ("cid:dot@x.example", (b"Content-ID: <dot@x.example>",)),
    "id without brackets": ("cid:dot@x.example", (b"Content-ID: dot@x.example",)),
    "id with blanks": ("cid:dot@x.example", (b"Content-ID: < dot@x.example >",)),
    "brackets in the reference": ("cid:<dot@x.example>", (b"Content-ID: <dot@x.example>",)),
    "in capitals": ("CID:DOT@x.example", (b"Content-ID: <dot@x.example>",)),
    "percent signs": ("cid:dot%40x.example", (b"Content-ID: <dot@x.example>",)),
    "percent signs in the id": ("cid:dot one@x", (b"Content-ID: <dot%20one@x>",)),
    "without a scheme": ("dot@x.example", (b"Content-ID: <dot@x.example>",)),
    "slashes after the scheme": ("cid://dot@x.example", (b"Content-ID: <dot@x.example>",)),
    "of a message": ("mid:m1@x.example/dot@x.example", (b"Content-ID: <dot@x.example>",)),
    "an entity in it": ("cid:dot&#64;x.example", (b"Content-ID: <dot@x.example>",)),
    "blanks around it": (" cid:dot@x.example ", (b"Content-ID: <dot@x.example>",)),
    "id of Gmail": ("cid:ii_dot", (b"X-Attachment-Id: ii_dot",)),
    "id made of the name": ("cid:dot one.png@01DC0000.1234", (NAMED,)),
    "the name as an id": ("cid:dot%20one.png", (NAMED,)),
    "the name": ("dot%20one.png", (NAMED,)),
    "the name in a folder": ("images/dot one.png", (NAMED,)),
    "a file of the sender": ("file:///C:/Users/ann/dot%20one.png", (NAMED,)),
    "a location": ("https://x.example/dot.png", (b"Content-Location: https://x.example/dot.png",)),
    "a relative location": ("pics/dot.png", (b"Content-Location: pics/dot.png",)),
    "the last part of a location": ("dot.png", (b"Content-Location: https://x.example/pics/dot.png",)),
}


def dot(*fields: bytes, kind: bytes = b"application/octet-stream") -> bytes:
    """A picture of one dot as a part."""
    encoded = base64.encodebytes(base64.b64decode(PIXEL))
    return part(b"Content-Type: " + kind, b"Content-Transfer-Encoding: base64", *fields, body=encoded)


def letter(source: str, fields: tuple[bytes, ...]) -> bytes:
    """HTML that shows the dot."""
    html = f'<p>See <img alt="the > dot" src="{source}"></p>'.encode()
    return multipart(b"related", text(html, subtype=b"html"), dot(*fields))
