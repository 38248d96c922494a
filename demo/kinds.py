"""One function per kind of message (docs/glossary.md#real-mail): takes a ``Case``, returns the bytes of a message."""

from __future__ import annotations

import random
from dataclasses import dataclass

from demo.mime import Headers, Part, attachment, crlf, encoded, field, message, multipart, pdf, png, text_part
from demo.words import CLOSINGS, GERMAN, JAPANESE, OPENINGS, PEOPLE, PROBLEMS, PRODUCTS


@dataclass(frozen=True)
class Case:
    """What a message is made of. ``number`` counts within ``mailbox``; ``date`` is a header field's value."""

    chance: random.Random
    number: int
    mailbox: str
    to: str
    date: str

    @property
    def message_id(self) -> str:
        """Unique among the samples."""
        return f"<{self.mailbox}.{self.number}@mail.customer.example>"

    @property
    def boundary(self) -> str:
        """A line that occurs in no text."""
        return f"=_{self.mailbox}_{self.number}"

    def headers(self, subject: str | bytes, sender: str | bytes | None = None) -> Headers:
        """The usual header fields."""
        return [
            ("Received", f"from mail.customer.example by mx.shop.example id {self.number:06x};\r\n\t{self.date}"),
            ("From", sender or person(self)),
            ("To", self.to),
            ("Subject", subject),
            ("Date", self.date),
            ("Message-ID", self.message_id),
        ]


def person(case: Case) -> str:
    """Somebody who writes, as in From."""
    name, address = case.chance.choice(PEOPLE)
    return f"{name if name.isascii() else encoded(name)} <{address}>"


def subject(case: Case) -> str:
    """What it is about, in English."""
    return f"{case.chance.choice(PROBLEMS)}: {case.chance.choice(PRODUCTS)}"


def story(case: Case, paragraphs: int = 2) -> str:
    """A few paragraphs in English."""
    chance = case.chance
    lines = [chance.choice(OPENINGS), ""]
    for _ in range(paragraphs):
        order = chance.randrange(10**6)
        lines += [f"{chance.choice(PROBLEMS)}. It is about {chance.choice(PRODUCTS)}, order {order}.", ""]
    return "\n".join([*lines, chance.choice(CLOSINGS)])


def html(text: str, extra: str = "") -> str:
    """``text`` as a page, with ``extra`` at its end."""
    body = "".join(f"<p>{line}</p>\n" for line in text.splitlines() if line)
    return f"<!DOCTYPE html>\n<html><body>\n{body}{extra}</body></html>"


def plain(case: Case) -> bytes:
    """Text alone."""
    return message(case.headers(subject(case)), text_part(story(case), charset="us-ascii", transfer="7bit"))


def html_and_plain(case: Case) -> bytes:
    """The same in HTML and as text, as most mail programs send it."""
    text = story(case, 3)
    parts = [text_part(text), text_part(html(text), "html")]
    return message(case.headers(subject(case)), multipart("alternative", parts, case.boundary))


def html_only(case: Case) -> bytes:
    """HTML without a text beside it."""
    return message(case.headers(subject(case)), text_part(html(story(case)), "html", transfer="base64"))


def with_attachments(case: Case) -> bytes:
    """Text with a document and a picture."""
    parts = [
        text_part(story(case)),
        attachment(pdf(f"Order {case.number}"), "application/pdf", f"order-{case.number}.pdf"),
        attachment(png(200, 40, case.number % 256), "image/png", "photo.png"),
    ]
    return message(case.headers(subject(case)), multipart("mixed", parts, case.boundary))


def inline_image(case: Case) -> bytes:
    """HTML that shows a picture of its own (multipart/related)."""
    picture = attachment(png(30, case.number % 256, 160), "image/png", "logo.png", "inline")
    picture.headers.append(("Content-ID", f"<logo.{case.number}@customer.example>"))
    page = text_part(html(story(case), f'<img src="cid:logo.{case.number}@customer.example" alt="logo">\n'), "html")
    related = multipart("related", [page, picture], case.boundary + "r")
    parts = [text_part(story(case)), related]
    return message(case.headers(subject(case)), multipart("alternative", parts, case.boundary))


def german(case: Case) -> bytes:
    """Umlauts in subject, name and text, in UTF-8."""
    title, text = case.chance.choice(GERMAN)
    headers = case.headers(encoded(f"{title} ({case.number})"), f"{encoded('Jürgen Groß')} <j.gross@kunde.example>")
    return message(headers, text_part(text))


def latin1(case: Case) -> bytes:
    """Umlauts in ISO-8859-1, as older programs send them."""
    title, text = case.chance.choice(GERMAN)
    headers = case.headers(encoded(f"{title} ({case.number})", "iso-8859-1"))
    return message(headers, text_part(text, charset="iso-8859-1", transfer="8bit"))


def japanese(case: Case) -> bytes:
    """Japanese in ISO-2022-JP, a charset that switches with escape sequences."""
    title, text = case.chance.choice(JAPANESE)
    headers = case.headers(encoded(f"{title} {case.number}", "iso-2022-jp"))
    return message(headers, text_part(text, charset="iso-2022-jp", transfer="7bit"))


def raw_8bit_header(case: Case) -> bytes:
    """Undeclared bytes in the subject: Latin-1 or UTF-8, nobody says which."""
    charset = ("latin-1", "utf-8")[case.number % 2]
    headers = case.headers(f"Rückfrage zur Größe ({case.number})".encode(charset))
    return message(headers, text_part(story(case), charset="us-ascii", transfer="7bit"))


def reply(case: Case) -> bytes:
    """A reply to somebody's mail that never came this way, with the quoted text below."""
    headers = case.headers(f"Re: {subject(case)}")
    earlier = f"<original.{case.number}@shop.example>"
    headers += [("In-Reply-To", earlier), ("References", f"<first.{case.number}@shop.example>\r\n {earlier}")]
    quoted = "\n".join(f"> {line}" for line in story(case).splitlines())
    return message(headers, text_part(f"Yes, that is right.\n\n{quoted}", charset="us-ascii", transfer="7bit"))


def newsletter(case: Case) -> bytes:
    """Mail of a mailing list."""
    headers = case.headers(f"News of the week, issue {case.number}", "The Weekly <weekly@lists.example>")
    headers += [
        ("List-Id", "The Weekly <weekly.lists.example>"),
        ("List-Unsubscribe", "<https://lists.example/unsubscribe>"),
        ("Precedence", "bulk"),
    ]
    text = story(case, 6)
    parts = [text_part(text), text_part(html(text), "html")]
    return message(headers, multipart("alternative", parts, case.boundary))


def nested(case: Case) -> bytes:
    """Multiparts in multiparts in multiparts."""
    text = story(case)
    inner = multipart("alternative", [text_part(text), text_part(html(text), "html")], case.boundary + "c")
    middle = multipart("related", [inner, attachment(png(9, 9, 9), "image/png", None, "inline")], case.boundary + "b")
    parts = [middle, attachment(b"a;b;c\r\n1;2;3\r\n", "text/csv", "list.csv"), text_part("Sent from the road.")]
    return message(case.headers(subject(case)), multipart("mixed", parts, case.boundary, b"For old programs.\r\n"))


def forwarded(case: Case) -> bytes:
    """Another message attached as such (message/rfc822)."""
    inner: Headers = [("From", "Someone Else <else@third.example>"), ("Subject", "The original")]
    whole = message(inner, text_part(story(case), charset="us-ascii", transfer="7bit"))
    attached = Part([("Content-Type", "message/rfc822"), ("Content-Disposition", "attachment")], whole)
    parts = [text_part("Please see below."), attached]
    return message(case.headers(f"Fwd: {subject(case)}"), multipart("mixed", parts, case.boundary))


def winmail(case: Case) -> bytes:
    """What Outlook sends in its own format (TNEF): a signature, a key, one attribute with the TNEF version."""
    tnef = bytes.fromhex("789f3e2201000106900800040000000000010001000100")
    parts = [text_part(story(case)), attachment(tnef, "application/ms-tnef", "winmail.dat")]
    return message(case.headers(subject(case)), multipart("mixed", parts, case.boundary))


def rfc2231_name(case: Case) -> bytes:
    """A file name in pieces, in UTF-8 (RFC 2231)."""
    part = attachment(pdf(f"Offer {case.number}"), "application/pdf", None)
    pieces = "attachment;\r\n filename*0*=utf-8''Angebot%20f%C3%BCr%20;\r\n filename*1*=K%C3%B6ln.pdf"
    part.headers[1] = ("Content-Disposition", pieces)
    return message(case.headers(subject(case)), multipart("mixed", [text_part(story(case)), part], case.boundary))


def only_attachment(case: Case) -> bytes:
    """A message that is nothing but a file."""
    return message(case.headers(f"Scan {case.number}"), attachment(pdf("Scan"), "application/pdf", "scan.pdf"))


def invoice(case: Case) -> bytes:
    """An invoice as PDF, some with the same as XML."""
    number = f"R-2026-{case.number:04}"
    parts = [
        text_part(f"Dear customer,\n\nplease find invoice {number} attached.\n\nKind regards"),
        attachment(pdf(f"Invoice {number}"), "application/pdf", f"{number}.pdf"),
    ]
    if case.number % 3 == 0:
        xml = f'<?xml version="1.0"?>\n<Invoice><ID>{number}</ID></Invoice>\n'.encode()
        parts.append(attachment(xml, "application/xml", f"{number}.xml"))
    headers = case.headers(f"Invoice {number}", "Accounts <billing@supplier.example>")
    return message(headers, multipart("mixed", parts, case.boundary))


def bounce(case: Case) -> bytes:
    """A mail server says that mail could not be delivered (RFC 3464)."""
    server, recipient = b"Reporting-MTA: dns; mx.far.example\r\n", b"Final-Recipient: rfc822; gone@far.example\r\n"
    status = Part([("Content-Type", "message/delivery-status")], server + b"\r\n" + recipient + b"Action: failed\r\n")
    original = Part([("Content-Type", "text/rfc822-headers")], b"Subject: Your invoice\r\n")
    parts = [text_part("The mailbox does not exist."), status, original]
    headers = case.headers("Undelivered Mail Returned to Sender", "Mail Delivery System <mailer-daemon@far.example>")
    headers += [("Auto-Submitted", "auto-replied"), ("Return-Path", "<>")]
    return message(headers, multipart('report; report-type="delivery-status"', parts, case.boundary))


def uuencoded(case: Case) -> bytes:
    """A file in the way of before MIME: it stays text."""
    text = "The list:\n\nbegin 644 list.txt\n%2&5L;&\\*\n`\nend\n"
    return message(case.headers("The list"), text_part(text, charset="us-ascii", transfer="7bit"))


def missing_date(case: Case) -> bytes:
    """Neither Date nor Message-ID."""
    headers = [(name, value) for name, value in case.headers(subject(case)) if name not in ("Date", "Message-ID")]
    return message(headers, text_part(story(case)))


def unknown_charset(case: Case) -> bytes:
    """A charset that does not exist."""
    part = text_part("Grüße aus Köln")
    part.headers[0] = ("Content-Type", 'text/plain; charset="x-mac-fancy"')
    return message(case.headers("=?x-mac-fancy?Q?Gr=FC=DFe?="), part)


def malformed(case: Case) -> bytes:
    """Broken in several ways: a boundary that never comes again, bad base64, an address list without end."""
    head = case.headers("=?utf-8?B?QnJva2Vu", '"Open quote <who@broken.example, , (comment')
    lines = b"Content-Type: multipart/mixed; boundary=xyz\r\nno colon in this line\r\n\r\n--xyz\r\n"
    part = b"Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset\r\n\r\nSGVsbG8*=gd29ybGQ\r\n"
    return b"".join(field(name, value) for name, value in head) + lines + part


def twin(_case: Case) -> bytes:
    """The same bytes each time: two customers' programs that send the same form, and two tickets."""
    headers: Headers = [("From", "Form <form@shop.example>"), ("To", "support@shop.example"), ("Subject", "Call me")]
    return message(headers, text_part("Please call me back.", charset="us-ascii", transfer="7bit"))


def no_headers(_case: Case) -> bytes:
    """A text that never had a header."""
    return crlf(b"\nThis came from a script that prints a text and knows nothing of mail.")


def no_body(case: Case) -> bytes:
    """Header fields and nothing after them."""
    return b"".join(field(name, value) for name, value in case.headers("(see subject)")) + b"\r\n"


def empty(_case: Case) -> bytes:
    """Nothing but the end of a line: no server takes less."""
    return b"\r\n"
