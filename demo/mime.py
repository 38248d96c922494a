"""Writes messages byte by byte: the mail that trips readers up is not what the standard library would write."""

from __future__ import annotations

import base64
import quopri
import struct
import zlib
from dataclasses import dataclass
from email.charset import BASE64, QP, SHORTEST, Charset
from email.header import Header

Headers = list[tuple[str, str | bytes]]


@dataclass(frozen=True)
class Part:
    """A MIME part: its own header fields and its encoded body."""

    headers: Headers
    body: bytes

    def __bytes__(self) -> bytes:
        return b"".join(field(name, value) for name, value in self.headers) + b"\r\n" + self.body


def field(name: str, value: str | bytes) -> bytes:
    """One header field; bytes are written as they are, however wrong."""
    raw = value if isinstance(value, bytes) else value.encode("ascii")
    return name.encode("ascii") + b": " + raw + b"\r\n"


# How encoded words of each charset are written. Libraries change that for the whole process (Apprise does).
WORDS = {"utf-8": SHORTEST, "iso-8859-1": QP, "iso-2022-jp": BASE64}


def encoded(text: str, charset: str = "utf-8") -> str:
    """``text`` as encoded words (RFC 2047), folded as mail programs do."""
    written = Charset(charset)
    written.header_encoding = WORDS[charset]
    return Header(text, written, maxlinelen=70).encode(linesep="\r\n")


def crlf(data: bytes) -> bytes:
    """``data`` with line ends as they are on the wire, ending in one."""
    lines = data.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    return b"\r\n".join(lines) + b"\r\n"


def text_part(text: str, subtype: str = "plain", charset: str = "utf-8", transfer: str = "quoted-printable") -> Part:
    """A text part in ``charset``; ``transfer`` is quoted-printable, base64, 8bit or 7bit."""
    data = crlf(text.encode(charset))
    if transfer == "quoted-printable":
        data = crlf(quopri.encodestring(data.replace(b"\r\n", b"\n")))
    elif transfer == "base64":
        data = crlf(base64.encodebytes(data))
    headers: Headers = [
        ("Content-Type", f"text/{subtype}; charset={charset}"),
        ("Content-Transfer-Encoding", transfer),
    ]
    return Part(headers, data)


def attachment(content: bytes, content_type: str, name: str | None, disposition: str = "attachment") -> Part:
    """An attachment in base64. ``name`` is written as it is, in the parameter of both header fields."""
    parameter = f'; name="{name}"' if name else ""
    filename = f'; filename="{name}"' if name else ""
    headers: Headers = [
        ("Content-Type", content_type + parameter),
        ("Content-Disposition", disposition + filename),
        ("Content-Transfer-Encoding", "base64"),
    ]
    return Part(headers, crlf(base64.encodebytes(content)))


def multipart(subtype: str, parts: list[Part], boundary: str, preamble: bytes = b"") -> Part:
    """Parts in one. ``boundary`` must occur in none of them."""
    mark = b"--" + boundary.encode("ascii")
    body = preamble + b"".join(mark + b"\r\n" + bytes(part) + b"\r\n" for part in parts) + mark + b"--\r\n"
    return Part([("Content-Type", f'multipart/{subtype}; boundary="{boundary}"')], body)


def message(headers: Headers, content: Part) -> bytes:
    """A whole message: ``headers``, then those of ``content`` and its body."""
    return bytes(Part([*headers, ("MIME-Version", "1.0"), *content.headers], content.body))


def png(red: int, green: int, blue: int, width: int = 24) -> bytes:
    """A small picture in one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((red, green, blue)) * width) * width
    header = struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pdf(line: str) -> bytes:
    """A document of one page with one line of text on it."""
    stream = f"BT /F1 18 Tf 72 720 Td ({line}) Tj ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
    ]
    document, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(document))
    return document + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + trailer
