"""Builders of sample messages: bytes as they come from a server."""

from __future__ import annotations

PDF = b"%PDF-1.4 \x00\xff sample"
PNG = b"\x89PNG\r\n\x1a\n sample"


def part(*fields: bytes, body: bytes = b"") -> bytes:
    """Header fields, a blank line and a body; a whole message too."""
    return b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def message(*fields: bytes, body: bytes = b"Hello\r\n") -> bytes:
    """A message with a sender and a subject unless ``fields`` have them."""
    usual = {b"From": b"From: Ann <ann@example.com>", b"Subject": b"Subject: Printer"}
    given = {field.partition(b":")[0] for field in fields}
    return part(*(line for name, line in usual.items() if name not in given), *fields, body=body)


def multipart(subtype: bytes, *parts: bytes, boundary: bytes = b"b1", fields: tuple[bytes, ...] = ()) -> bytes:
    """A multipart of ``parts``, to be a message or a part itself."""
    inner = b"".join(b"--" + boundary + b"\r\n" + each + b"\r\n" for each in parts)
    kind = b'Content-Type: multipart/%s; boundary="%s"' % (subtype, boundary)
    return part(*fields, kind, body=inner + b"--" + boundary + b"--\r\n")


def text(body: bytes, charset: bytes = b"utf-8", subtype: bytes = b"plain") -> bytes:
    """A text part."""
    return part(b"Content-Type: text/%s; charset=%s" % (subtype, charset), body=body)


def attachment(content: bytes = PDF, name: bytes = b'"a.pdf"', kind: bytes = b"application/pdf") -> bytes:
    """An attachment with its bytes as they are; ``name`` with its quotes."""
    return part(b"Content-Type: " + kind, b"Content-Disposition: attachment; filename=" + name, body=content)
