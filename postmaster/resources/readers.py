"""Reading what somebody entered: from text to a value, or a ``InvalidValue`` that says why not.

Forms, options, imported files and settings all pass through here, so that they accept and refuse the same.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TypeVar

from postmaster.resources.numbers import read_number

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

# RFC 1123 section 2.1; an underscore is not allowed there, but names inside companies have it.
_HOST_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)


class InvalidValue(ValueError):  # noqa: N818 - it is what is wrong with a value; InputError names the field
    """What is wrong with a value, to be read after the field's name: "must be …". ``advice`` is a sentence."""

    def __init__(self, flaw: str, advice: str = "") -> None:
        super().__init__(flaw)
        self.flaw = flaw
        self.advice = advice


@dataclass(frozen=True)
class WholeNumber:
    """A reader of whole numbers from ``low`` to ``high``."""

    low: int
    high: int

    def __call__(self, text: str) -> int:
        """The number that ``text`` is."""
        number = read_number(text, self.low, self.high)
        if number is None:
            raise InvalidValue(f"is “{text}”, but must be a whole number from {self.low} to {self.high}")
        return number


def whole_number(low: int, high: int) -> WholeNumber:
    """A reader of whole numbers from ``low`` to ``high``."""
    return WholeNumber(low, high)


def yes_no(text: str) -> bool:
    """``yes`` or ``no``, case-insensitively."""
    return one_of("yes", "no")(text) == "yes"


def one_of(*words: str) -> Callable[[str], str]:
    """A reader of one of ``words``, case-insensitively."""
    known = {word.lower(): word for word in words}

    def read(text: str) -> str:
        word = known.get(text.lower())
        if word is None:
            raise InvalidValue(f"is “{text}”, but must be {alternatives(words)}")
        return word

    return read


def member(choices: type[ChoiceT]) -> Callable[[str], ChoiceT]:
    """A reader of one of the values of ``choices``, case-insensitively."""
    read = one_of(*(choice.value for choice in choices))
    return lambda text: choices(read(text))


def alternatives(words: tuple[str, ...]) -> str:
    """``a, b or c``."""
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def clean(text: str, allowed: str = "") -> str:
    """``text``, refused if it holds control characters other than ``allowed``, or bytes that are not UTF-8.

    Neither can be stored or shown everywhere: PostgreSQL takes no NUL, JSON no half of a surrogate pair.
    """
    for char in text:
        kind = unicodedata.category(char)
        if kind == "Cs":
            raise InvalidValue("has characters that are not UTF-8", "Enter it in UTF-8.")
        if kind == "Cc" and char not in allowed:
            raise InvalidValue("has a line break or another control character", "Leave it out.")
    return text


def line(limit: int) -> Callable[[str], str]:
    """A reader of one line of at most ``limit`` characters."""

    def read(text: str) -> str:
        if len(text) > limit:
            raise InvalidValue(f"has {len(text)} characters; at most {limit} are allowed")
        return clean(text)

    return read


def paragraph(text: str) -> str:
    """Text of several lines."""
    return clean(text, allowed="\n\r\t")


def name_within(limit: int) -> Callable[[str], str]:
    """A reader of what a thing is called by: a line of at most ``limit`` characters that cannot be taken for an id."""
    read_line = line(limit)

    def read(text: str) -> str:
        if text.isdecimal():
            raise InvalidValue(f"is “{text}”, which would be taken for an id", "Choose a name with a letter in it.")
        return read_line(text)

    return read


name = name_within(200)


def host(text: str) -> str:
    """A host name (RFC 1123 section 2.1) or an IP address; international names become their ASCII form."""
    bare = text.removesuffix(".")
    if address := _ip_address(bare):
        return address
    try:
        ascii_form = bare if bare.isascii() else bare.encode("idna").decode()
    except UnicodeError:
        ascii_form = ""
    labels = ascii_form.split(".")
    if len(ascii_form) > 253 or labels[-1].isdecimal() or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise InvalidValue(
            f"is “{text}”, which is neither a host name nor an IP address",
            "Enter the name alone, such as mail.example.com, without a protocol, user name or port.",
        )
    return ascii_form


# What has to be left between a moment and the ends of the calendar.
MARGIN = timedelta(hours=1)


def moment(zone: tzinfo, *, end_of_day: bool = False) -> Callable[[str], datetime]:
    """A reader of ISO 8601 dates and times, in ``zone`` unless they say another; a date means where that day begins.

    With ``end_of_day`` it means where it ends. The first and the last hour of the calendar are no dates: a search
    looks a little around what it is given, and would leave the calendar.
    """

    def read(text: str) -> datetime:
        try:
            found = datetime.fromisoformat(text)
            if not text.strip("0123456789-") and end_of_day:
                found += timedelta(days=1)
            found = found if found.tzinfo else found.replace(tzinfo=zone)
            found = found.astimezone(UTC)
            _ = found - MARGIN, found + MARGIN
            return found
        except (ValueError, OverflowError):
            raise InvalidValue(
                f"is “{text}”, which is not a date", "Enter it as in 2026-11-23 or 2026-11-23T09:30."
            ) from None

    return read


def _ip_address(text: str) -> str | None:
    """The address in its usual form (RFC 5952 section 5), which Python writes so from 3.13 on."""
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped and not address.scope_id:
        return f"::ffff:{address.ipv4_mapped}"
    return str(address)


def mail_address(text: str) -> str:
    """An address ``user@domain`` of at most 254 characters (RFC 5321 section 4.5.3.1), without a display name."""
    user, _, domain = clean(text).rpartition("@")
    flaw = InvalidValue(f"is “{text}”, which is not an e-mail address", "Enter it as user@example.com, without a name.")
    if len(text) > 254 or not user or any(char.isspace() or char in "<>,;@" for char in user):
        raise flaw
    try:
        host(domain)
    except InvalidValue:
        raise flaw from None
    return text
