"""Generated messages read by ``parse_message`` and by the standard library: every disagreement, by its judgement."""

from __future__ import annotations

import argparse
import base64
import email
import email.policy
import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage

from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.parser import parse_message

# Why the two may differ, each judged once. What is in no row is a fault.
JUDGED = {
    "text: us-ascii that is not": "it is UTF-8 or windows-1252, not replacement characters",
    "text: an empty alternative": "it gives way to its sibling, the HTML",
    "text: a larger set": "under the label of the smaller one programs write the larger (WHATWG Encoding Standard)",
    "text: a label unknown to Python": "the label is one of the WHATWG Encoding Standard",
    "files: a name with a slash": "a slash is part of the name, and becomes an underscore",
}

_TEXTS = ("The lift is stuck.", "Grüße aus Köln", "Привет, мир", "請求書の件です", "10 € – “q”", "a\n\n> b\n-- \nAnn")
_LABELS = {"utf-8": "utf-8", "iso-8859-1": "cp1252", "koi8-r": "koi8-r", "shift_jis": "cp932", "gb2312": "gb18030"}
_ROWS = {
    "us-ascii": "text: us-ascii that is not",
    "windows-31j": "text: a label unknown to Python",
    "x-cp1251": "text: a label unknown to Python",
    **dict.fromkeys(("iso-8859-1", "shift_jis", "gb2312"), "text: a larger set"),
}
_ODD = {"us-ascii": "utf-8", "windows-31j": "cp932", "x-cp1251": "cp1251"}
_NAMES = ("a.pdf", "Größe 2.pdf", "請求書.pdf", 'quo"te.pdf', "a;b.pdf", "1/2.pdf", "long " * 20 + ".pdf")


def corpus(count: int, seed: int = 1) -> Iterator[tuple[set[str], bytes]]:
    """``count`` messages, each with the rows of ``JUDGED`` that it is about."""
    chance = random.Random(seed)
    for number in range(count):
        yield _message(chance, number)


def _message(chance: random.Random, number: int) -> tuple[set[str], bytes]:
    text = chance.choice(_TEXTS)
    label, codec = chance.choice([*(_LABELS | _ODD).items()])
    data = text.replace("\n", "\r\n").encode(codec, "ignore")
    made = EmailMessage()
    made["Subject"], made["From"] = f"{number} {chance.choice(_TEXTS[:5])}", "Ann <ann@customer.example>"
    made.set_content("-", charset="utf-8", cte=chance.choice(["base64", "quoted-printable"]))
    if chance.random() < 0.5:
        made.add_alternative(f"<p>{number}</p>", subtype="html")
    name = chance.choice(_NAMES) if chance.random() < 0.6 else ""
    if name:
        content = chance.randbytes(chance.randrange(200))
        made.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    plain = next(part for part in made.walk() if part.get_content_type() == "text/plain")
    del plain["Content-Transfer-Encoding"], plain["Content-Type"]
    plain["Content-Type"], plain["Content-Transfer-Encoding"] = f"text/plain; charset={label}", "base64"
    plain.set_payload(base64.encodebytes(data).decode())
    about = _ROWS.get(label, "") if data.strip() else "text: an empty alternative"
    rows = {about, "files: a name with a slash" if "/" in name else ""} - {""}
    return rows, made.as_bytes(policy=email.policy.SMTP)


def disagreements(raw: bytes, read: ParsedMessage) -> Iterator[str]:
    """What the standard library reads differently."""
    other = email.message_from_bytes(raw, policy=email.policy.default)
    if " ".join(other["Subject"].split()) != " ".join(read.subject.split()):
        yield "subject"
    body = other.get_body(("plain",))
    try:
        text = body.get_content() if body else ""
    except LookupError:
        text = ""
    if text.replace("\r\n", "\n").strip() != read.text.strip():
        yield "text"
    files = [(part.get_filename(), part.get_content()) for part in other.iter_attachments()]
    ours = [(each.filename, each.sha256) for each in read.attachments]
    if ours != [(name, hashlib.sha256(content).hexdigest()) for name, content in files]:
        yield "files"


def compare(count: int, seed: int = 1) -> tuple[Counter[str], list[bytes]]:
    """How often each row of ``JUDGED`` was met, and the messages whose disagreement is in none."""
    met: Counter[str] = Counter()
    faults: list[bytes] = []
    for rows, raw in corpus(count, seed):
        for where in disagreements(raw, parse_message(raw)):
            row = next((row for row in rows if row.startswith(f"{where}:")), None)
            if row:
                met[row] += 1
            else:
                faults.append(raw)
    return met, faults


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="bench/differential", description=(__doc__ or "").replace("``", ""))
    parser.add_argument("--messages", type=int, default=10_000, help="how many (default: 10000)")
    arguments = parser.parse_args()
    met, faults = compare(arguments.messages)
    for row, reason in JUDGED.items():
        print(f"{met[row]:6} {row}: {reason}")
    print(f"{len(faults):6} in no row")
    for raw in faults[:3]:
        print(raw.decode("latin-1"))


if __name__ == "__main__":
    main()
