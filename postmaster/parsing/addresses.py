"""Mailboxes of address fields (RFC 5322 section 3.4) (kinds 8 and 17 of docs/glossary.md#real-mail).

The standard library's readers take quadratic time on hostile input, and drop what they do not understand. As long as
text is not decoded, only the ASCII blanks are blanks: 0x85 and 0xA0 are halves of letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Literal

from postmaster.parsing.address_key import BLANKS, clean_address
from postmaster.parsing.header import ENCODED_WORD, decode_value
from postmaster.parsing.message import Address

MAX_ADDRESSES = 2_000
"""Mailboxes read of the fields of one name; the ones after are dropped."""

MAX_FIELD = 128 * 1024
"""Characters read of the address fields of one name: twice what the largest number of mailboxes usually takes."""

USUAL_FIELD = 200
"""Characters up to which what a field says is remembered."""

_SIMPLE = re.compile(
    r'\s*+(?:"([^"\\]*+)"\s*+|([^"(),:;<>@\\]*+))<([^\s"(),:;<>@\\]++@[^\s"(),:;<>@\\]++)>\s*+(?:,|\Z)'
    r'|\s*+([^\s"(),:;<>@\\]++@[^\s"(),:;<>@\\]++)\s*+(?:,|\Z)',
    re.ASCII,
)
_WORD = rf"(?P<word>{ENCODED_WORD})"
_QUOTED = r'(?P<quoted>"(?:[^"\\]|\\.)*+")'
_REST = r'(?P<special>[:<>]|[,;][\s,;]*+)|(?P<open>\()|(?P<text>(?:[^"(),:;<>\\=]|\\.)++|.)'
_TOKEN = re.compile(rf"{_WORD}|{_QUOTED}|{_REST}", re.DOTALL | re.ASCII)
_TOKEN_WITHOUT_QUOTES = re.compile(rf"{_WORD}|(?P<quoted>(?!))|{_REST}", re.DOTALL | re.ASCII)
_PAREN = re.compile(r"[()]|\\.", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_AROUND_AT = re.compile(r"(?<!\s)\s*+@\s*+", re.ASCII)
_ONLY_ADDRESS = re.compile(r"\s*+<?[^\s@<>]++@[^\s@<>]++>?\s*+", re.ASCII)
_BLANKS = re.compile(r"\s+", re.ASCII)

_Kind = Literal["quoted", "comment", "special", "text"]


@dataclass
class _Mailbox:
    """Pieces of one mailbox, as far as it has been read. ``phrase`` holds (text, was quoted)."""

    phrase: list[tuple[str, bool]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    angle: list[str] | None = None
    in_angle: bool = False

    def open(self) -> None:
        """An angle bracket: an address follows, unless there is one already."""
        if self.angle and "@" in "".join(self.angle):
            return
        self.phrase.append((" ".join(self.angle or ()), False))
        self.angle, self.in_angle = [], True

    def close(self) -> None:
        """The closing bracket: what follows belongs to the name."""
        self.phrase.append((" ", False))
        self.in_angle = False

    def append(self, kind: _Kind, text: str) -> None:
        """A piece of the address or of the name."""
        if self.in_angle and self.angle is not None:
            self.angle.append(text)
        else:
            self.phrase.append((text, kind == "quoted"))


def parse_addresses(value: str) -> tuple[Address, ...]:
    """The mailboxes in the value of a field, decoded or not (Latin-1 text). Members of groups are among them.

    One without an address has only a name. Reads ``MAX_FIELD`` characters and ``MAX_ADDRESSES`` mailboxes at most.
    Never raises.
    """
    return _parse_usual(value) if len(value) <= USUAL_FIELD else _parse(value)


def _parse(value: str) -> tuple[Address, ...]:
    value = value[:MAX_FIELD]
    found: list[Address] = []
    position = 0
    while position < len(value) and len(found) < MAX_ADDRESSES and (simple := _SIMPLE.match(value, position)):
        name, bare = simple[1] or simple[2] or "", simple[3] or simple[4]
        found.append(Address(_name(name), _address(bare)))
        position = simple.end()
    if position < len(value):
        found.extend(islice(_read_all(value[position:]), MAX_ADDRESSES - len(found)))
    if "=?" in value and not any(address.address for address in found):  # wrongly encoded as a whole
        whole = islice(_read_all(decode_value(value)), MAX_ADDRESSES)
        return tuple(address for address in whole if "@" in address.address) or tuple(found)
    return tuple(found)


# Most have written, or were written to, before.
_parse_usual = lru_cache(maxsize=1 << 12)(_parse)


def _read_all(value: str) -> Iterator[Address]:
    """Mailboxes one after the other. An unquoted ``Doe, John <…>`` is one: a lone name belongs to the next mailbox."""
    names: list[str] = []
    for mailbox in _split(value):
        address = _finish(mailbox)
        lone = mailbox.angle is None and not mailbox.comments and "@" not in address.address
        if lone and (address.name or address.address):
            names.append(address.name or address.address)
            continue
        if names and mailbox.angle is not None and address.name:
            address = Address(", ".join([*names, address.name]), address.address)
            names = []
        yield from map(_lone, names)
        names = []
        if address.address or address.name:
            yield address
    yield from map(_lone, names)


def _lone(name: str) -> Address:
    """A mailbox without an @: a local one such as ``root`` if it is one word, else just a name."""
    return Address(name, "") if " " in name else Address("", name)


def _split(value: str) -> Iterator[_Mailbox]:
    groups = ";" in value
    mailbox = _Mailbox()
    for kind, text in _tokens(value):
        if kind == "comment":
            mailbox.comments.append(text)
        elif kind != "special":
            mailbox.append(kind, text)
        elif text[0] in ",;":
            yield mailbox
            mailbox = _Mailbox()
        elif text == "<":
            mailbox.open()
        elif text == ">":
            mailbox.close()
        elif groups and not mailbox.in_angle:
            mailbox = _Mailbox()  # what stood before the colon is the name of a group
        else:
            mailbox.append("text", text)
    yield mailbox


def _tokens(value: str) -> Iterator[tuple[_Kind, str]]:
    """Pieces of a field. A quote or a comment that is never closed is text, and is searched to the end only once."""
    pattern, comments = _TOKEN, True
    position = 0
    while position < len(value):
        match = pattern.match(value, position)
        assert match is not None  # noqa: S101 - the last alternative takes any character
        position = match.end()
        text = match[0]
        if match["open"]:
            end = _comment_end(value, position) if comments else None
            comments = end is not None
            yield ("comment", value[position : end - 1]) if end else ("text", text)
            position = end or position
        elif match["quoted"]:
            yield "quoted", text
        elif match["special"]:
            yield "special", text
        else:
            pattern = _TOKEN_WITHOUT_QUOTES if text == '"' else pattern
            yield "text", text if text != '"' else " "


def _comment_end(value: str, position: int) -> int | None:
    depth = 1
    for match in _PAREN.finditer(value, position):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return None


def _finish(mailbox: _Mailbox) -> Address:
    if (hidden := _address_in_comment(mailbox)) is not None:
        return hidden
    comment = " ".join(mailbox.comments)
    if mailbox.angle is not None:
        address = "".join(mailbox.angle)
        return Address(_name(_phrase(mailbox)) or _name(comment), _bare(address))
    plain = "".join(text for text, _ in mailbox.phrase).strip(BLANKS)
    if "@" not in plain:
        name, address = _phrase(mailbox), ""
        if comment and " " not in name.strip(BLANKS):
            name, address = "", name
        return Address(_name(name or comment), _address(address))
    if len(mailbox.phrase) == 1 and mailbox.phrase[0][1]:  # "a@b" and nothing else
        plain = plain.strip('"')
    name, address = _name_and_address(plain)
    return Address(_name(name) or _name(comment), _bare(address))


def _address_in_comment(mailbox: _Mailbox) -> Address | None:
    """``Ann (ann@x.example)`` has its address and its name the wrong way round: the one comment that is an address."""
    if "".join(mailbox.angle or ()).strip(BLANKS) or any("@" in text for text, _ in mailbox.phrase):
        return None
    found = [comment for comment in mailbox.comments if "@" in comment]
    if len(found) != 1 or not _ONLY_ADDRESS.fullmatch(found[0]):
        return None
    others = " ".join(comment for comment in mailbox.comments if comment is not found[0])
    return Address(_name(_phrase(mailbox)) or _name(others), _bare(found[0].strip(f"{BLANKS}<>")))


def _name_and_address(plain: str) -> tuple[str, str]:
    """``John Doe a@b`` in its two parts."""
    plain = _AROUND_AT.sub("@", plain)
    if plain.startswith('"') and '"@' in plain:
        return "", plain
    words = _BLANKS.split(plain.replace('"', "").strip(BLANKS))
    address = next((word for word in reversed(words) if "@" in word), "")
    return " ".join(word for word in words if word != address), address


def _phrase(mailbox: _Mailbox) -> str:
    return "".join(_ESCAPED.sub(r"\1", text[1:-1]) if quoted else text for text, quoted in mailbox.phrase)


def _name(text: str) -> str:
    name = " ".join(decode_value(text).split())
    return name[1:-1].strip() if len(name) > 1 and name[0] == name[-1] == "'" else name


def _bare(address: str) -> str:
    """An address without a source route (RFC 5322 section 4.4) and the blanks within it."""
    address = address.strip(BLANKS)
    if address.startswith("@"):
        address = address.rpartition(":")[2] if ":" in address else ""
    return _address(address if '"' in address else _BLANKS.sub("", address))


def _address(text: str) -> str:
    return clean_address(decode_value(text))
