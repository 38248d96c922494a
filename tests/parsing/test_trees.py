"""Trees of parts with marked pieces: every marked text is read exactly once, in order, every marked file is there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.parsing import parse_message, part_content
from tests.parsing.messages import multipart, part

LEAVES = ["plain", "html", "file", "named text"]
MULTIPARTS = ["mixed", "related", "alternative", "signed"]
_MARK = re.compile(r"mark\d+m")


@dataclass
class Built:
    """A part, and the marks that a reader must meet: of texts in their order, and of files."""

    raw: bytes
    texts: list[str]
    files: list[str] = field(default_factory=list)


@st.composite
def trees(draw: st.DrawFn, depth: int = 0, counter: list[int] | None = None) -> Built:
    """A part of a message."""
    counter = [0] if counter is None else counter
    counter[0] += 1
    mark = f"mark{counter[0]}m"
    kind = draw(st.sampled_from((LEAVES if depth else []) + (MULTIPARTS if depth < 4 else [])))
    match kind:
        case "plain":
            return Built(part(b"Content-Type: text/plain", body=f"{mark} <b> &\r\n".encode()), [mark])
        case "html":
            return Built(part(b"Content-Type: text/html", body=f"<p title='>'>{mark}</p>".encode()), [mark])
        case "file" | "named text":
            label = b"application/pdf" if kind == "file" else b"text/plain"
            fields = (b"Content-Type: " + label, b'Content-Disposition: attachment; filename="a"')
            return Built(part(*fields, body=mark.encode()), [], [mark])
        case "alternative":
            plain = part(b"Content-Type: text/plain", body=f"{mark}\r\n".encode())
            inner = draw(st.booleans())
            rich = part(b"Content-Type: text/html", body=f"<p>{mark}</p>".encode())
            file = Built(part(b"Content-Type: application/pdf; name=b", body=f"{mark}-f".encode()), [], [f"{mark}-f"])
            if inner:
                rich = multipart(b"mixed", rich, file.raw, boundary=f"i{counter[0]}".encode())
            made = multipart(b"alternative", plain, rich, boundary=f"a{counter[0]}".encode())
            return Built(made, [mark], file.files if inner else [])
    boundary = f"b{counter[0]}".encode()
    children = [draw(trees(depth=depth + 1, counter=counter)) for _ in range(draw(st.integers(1, 4)))]
    if kind == "related":  # what it is about is text, whatever it says of itself
        root = part(b'Content-Type: text/html; name="x.html"', body=f"<p>{mark}</p>".encode())
        children.insert(0, Built(root, [mark]))
    return Built(
        multipart(kind.encode(), *(child.raw for child in children), boundary=boundary),
        [text for child in children for text in child.texts],
        [file for child in children for file in child.files],
    )


@settings(deadline=None, max_examples=200)
@given(trees())
def test_every_text_is_read_once_in_order_and_every_file_is_there(built: Built) -> None:
    read = parse_message(built.raw)
    assert _MARK.findall(read.text) == built.texts
    if read.html is not None:
        assert _MARK.findall(read.html) == built.texts
    contents = [part_content(built.raw, each.part).decode() for each in read.attachments]
    assert contents == built.files
