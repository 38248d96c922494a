"""Trees of parts with marked pieces: every marked text is read exactly once, in order, every marked file is there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.parsing.containers import MAX_CONTAINER_DEPTH
from postmaster.parsing.parser import parse_message, part_content
from postmaster.parsing.tnef import SIGNATURE
from tests.parsing.messages import message, multipart, part, text
from tests.parsing.sealed import attribute, compressed, properties, signed, tnef

LEAVES = [
    "plain", "html", "file", "named text", "forwarded inline", "forwarded", "winmail.dat", "winmail.dat twice",
]  # fmt: skip
CONTAINERS = {"signed in one piece": signed, "compressed": compressed}
MULTIPARTS = ["mixed", "related", "alternative", "signed"]
_MARK = re.compile(r"mark\d+m")
_FILE = re.compile(rb"mark\d+m(?:-f)?")


@dataclass
class Built:
    """A part, and the marks that a reader must meet: of texts in their order, and of files."""

    raw: bytes
    texts: list[str]
    files: list[str] = field(default_factory=list)


def _leaf(kind: str, mark: str, draw: st.DrawFn) -> Built:
    """A part without parts."""
    forwarded = (b"Content-Type: message/rfc822", b"Content-Disposition: inline; filename=a.eml")
    file = b'Content-Disposition: attachment; filename="a"'
    form = draw(st.sampled_from(["text", "html", "damaged"])) if kind == "winmail.dat" else "text"
    both = multipart(b"mixed", text(mark.encode()), _winmail(mark, form), boundary=f"w{mark}".encode())
    return {
        "plain": Built(part(b"Content-Type: text/plain", body=f"{mark} <b> &\r\n".encode()), [mark]),
        "html": Built(part(b"Content-Type: text/html", body=f"<p title='>'>{mark}</p>".encode()), [mark]),
        "file": Built(part(b"Content-Type: application/pdf", file, body=mark.encode()), [], [mark]),
        "named text": Built(part(b"Content-Type: text/plain", file, body=mark.encode()), [], [mark]),
        "forwarded inline": Built(part(*forwarded, body=message(body=mark.encode())), [], [mark]),
        "forwarded": Built(part(forwarded[0], file, body=message(body=mark.encode())), [], [mark]),
        "winmail.dat": Built(_winmail(mark, form), [mark], [f"{mark}-f"]),
        "winmail.dat twice": Built(both, [mark], [f"{mark}-f"]),
    }[kind]


def _winmail(mark: str, form: str) -> bytes:
    """A winmail.dat with a text and a file; one that is damaged is a file itself."""
    body = attribute(0x0002800C, f"{mark}\0".encode())
    if form == "html":
        body = attribute(0x00069003, properties((0x102, 0x1013, f"<p>{mark}".encode())))
    file = attribute(0x00069002, b"\0" * 14, 2) + attribute(0x0006800F, f"{mark}-f".encode(), 2)
    made = tnef(body, file) + (b"\x7f rubbish" if form == "damaged" else b"")
    return part(b"Content-Type: application/ms-tnef; name=winmail.dat", body=made)


def _alternative(mark: str, draw: st.DrawFn) -> Built:
    """The same as plain text and as HTML, which may have a file beside it."""
    plain = part(b"Content-Type: text/plain", body=f"{mark}\r\n".encode())
    rich = part(b"Content-Type: text/html", body=f"<p>{mark}</p>".encode())
    files = []
    if draw(st.booleans()):
        files = [f"{mark}-f"]
        file = part(b"Content-Type: application/pdf; name=b", body=files[0].encode())
        rich = multipart(b"mixed", rich, file, boundary=f"i{mark}".encode())
    return Built(multipart(b"alternative", plain, rich, boundary=f"a{mark}".encode()), [mark], files)


@st.composite
def trees(draw: st.DrawFn, depth: int = 0, counter: list[int] | None = None) -> Built:
    """A part of a message."""
    counter = [0] if counter is None else counter
    counter[0] += 1
    mark = f"mark{counter[0]}m"
    sealed = [*CONTAINERS] if depth < MAX_CONTAINER_DEPTH - 1 else []  # a leaf may be a container, too
    kind = draw(st.sampled_from((LEAVES if depth else []) + ([*MULTIPARTS, *sealed] if depth < 4 else [])))
    if kind in LEAVES:
        return _leaf(kind, mark, draw)
    if kind == "alternative":
        return _alternative(mark, draw)
    if kind in CONTAINERS:
        inside = draw(trees(depth=depth + 1, counter=counter))
        raw = part(b"Content-Type: application/pkcs7-mime", body=CONTAINERS[kind](inside.raw))
        return Built(raw, inside.texts, inside.files)
    children = [draw(trees(depth=depth + 1, counter=counter)) for _ in range(draw(st.integers(1, 4)))]
    if kind == "related":  # what it is about is text, whatever it says of itself
        root = part(b'Content-Type: text/html; name="x.html"', body=f"<p>{mark}</p>".encode())
        children.insert(0, Built(root, [mark]))
    return Built(
        multipart(kind.encode(), *(child.raw for child in children), boundary=f"b{mark}".encode()),
        [text for child in children for text in child.texts],
        [file for child in children for file in child.files],
    )


@settings(deadline=None, max_examples=settings.default.max_examples * 3)
@given(trees())
def test_every_text_is_read_once_in_order_and_every_file_is_there(built: Built) -> None:
    read = parse_message(built.raw)
    assert _MARK.findall(read.text) == built.texts
    if read.html is not None:
        assert _MARK.findall(read.html) == built.texts
    contents = [part_content(built.raw, each.part) for each in read.attachments]
    plain = [content for content in contents if not content.startswith(SIGNATURE)]
    assert [_FILE.findall(content)[0].decode() for content in plain] == built.files
