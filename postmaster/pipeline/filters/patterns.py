"""Conditions and settings of filters as they are entered: ``Header=RE`` and ``X-OTRS-Name=value``, one a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import regex

from postmaster.confined import TooMuchError
from postmaster.parsing.address_key import address_key
from postmaster.pipeline.filters.compiling import COMPILE_LIMITS, compile_confined, weight
from postmaster.pipeline.filters.perl import from_perl
from postmaster.pipeline.x_otrs_headers import HEADERS, known_header
from postmaster.resources.numbers import read_number
from postmaster.resources.readers import InvalidValue, clean

MAX_PATTERN = 2000
MAX_LINES = 100

EMAIL_ADDRESS = "EMAILADDRESS:"

# Which occurrence of a header a condition may name.
LAST = -1
MAX_OCCURRENCE = 50_000

_PLACED = re.compile(r"([^\[]+)\[(.*)")
_HEADER = re.compile(r"[!-9;-<>-~]+")
_PLAIN_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")

# What the regex library raises for patterns that it cannot compile, beside its own error.
_COMPILE_ERRORS = (ValueError, KeyError, IndexError, OverflowError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition: ``pattern`` is found in a value of ``header``; with ``negate``, in none.

    ``whole_address`` tests the bare addresses of the header instead, each as a whole. ``occurrence`` is the place of
    the only header of its name that is tested, counted from 0, or ``LAST``.
    """

    header: str
    text: str
    pattern: regex.Pattern[str]
    negate: bool = False
    whole_address: bool = False
    occurrence: int | None = None


@dataclass(frozen=True, slots=True)
class HeaderAssignment:
    """A header to set; its value may hold places for what conditions captured."""

    header: str
    value: str


def captures(each: Condition) -> bool:
    """Whether ``each`` captures something when it matches."""
    return each.whole_address or each.pattern.groups > 0


def read_lines(read: Callable[[str], object]) -> Callable[[str], list[str]]:
    """A reader of several lines, each of which ``read`` accepts; gives them as they were entered."""

    def read_all(text: str) -> list[str]:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if len(lines) > MAX_LINES:
            raise InvalidValue(f"has {len(lines)} lines; at most {MAX_LINES} are allowed")
        for line in lines:
            read(line)
        return lines

    return read_all


def condition(text: str, *, negate: bool = False) -> Condition:
    """The condition that ``Header=RE`` means. Raises InvalidValue, which names the position in the pattern."""
    header, pattern = _entered(text)
    name, occurrence = _occurrence(header)
    return Condition(name, pattern, _compile(header, _searched(pattern)), negate, _is_address(pattern), occurrence)


def _occurrence(header: str) -> tuple[str, int | None]:
    """The name and the place in ``Received[2]``, ``Received[first]`` or ``Received[last]``; no place: any will do."""
    match = _PLACED.fullmatch(header)
    if match is None:
        return header, None
    named = match[2][:-1].lower() if match[2].endswith("]") else ""
    place = {"first": 0, "last": LAST}.get(named)
    if place is None:
        number = read_number(named, 1, MAX_OCCURRENCE)
        if number is None:
            advice = "It is first, last or a number, from 1 at the top, as in Received[1]."
            raise InvalidValue(f"has “{header}”, which names no occurrence of a header", advice)
        place = number - 1
    return match[1], place


def weigh(text: str) -> int:
    """About how many bytes the condition takes. Raises InvalidValue if a child could not compile it."""
    try:
        found = weight(from_perl(_searched(_entered(text)[1])).text)
    except TooMuchError:
        found = 0
    if not found:
        condition(text)  # says why, without asking again
    return found


def _entered(text: str) -> tuple[str, str]:
    header, pattern = _divided(text, "a condition is entered as Header=regular expression, as in Subject=invoice")
    if len(pattern) > MAX_PATTERN:
        raise InvalidValue(
            f"has a pattern for {header} of {len(pattern)} characters; at most {MAX_PATTERN} are allowed"
        )
    clean(pattern, allowed="\t")
    return header, pattern


def _is_address(pattern: str) -> bool:
    return pattern.upper().startswith(EMAIL_ADDRESS)


def _searched(pattern: str) -> str:
    """What is looked for, where ``pattern`` was entered. A plain address stands for itself."""
    if not _is_address(pattern):
        return pattern
    address = pattern[len(EMAIL_ADDRESS) :].strip()
    return regex.escape(address_key(address)) if _PLAIN_ADDRESS.fullmatch(address) else address


def setting(text: str) -> HeaderAssignment:
    """The header to set that ``X-OTRS-Name=value`` means. Raises InvalidValue."""
    header, value = _divided(text, "a header to set is entered as X-OTRS-Name=value, as in X-OTRS-Queue=Junk")
    usual = known_header(header)
    if usual is None:
        names = ", ".join(each.name for each in HEADERS)
        advice = f"It begins with X-OTRS- or X-OTRS-FollowUp-, and goes on with one of: {names}."
        raise InvalidValue(f"sets “{header}”, which has no effect", advice)
    if not value:
        raise InvalidValue(f"sets {usual} to nothing", "Enter a value after the =.")
    return HeaderAssignment(usual, clean(value, allowed="\t"))


match_condition = partial(condition, negate=False)
not_match_condition = partial(condition, negate=True)


def _divided(text: str, advice: str) -> tuple[str, str]:
    header, equals, rest = text.partition("=")
    if not equals or not _HEADER.fullmatch(header.strip()):
        raise InvalidValue(f"has “{text[:60]}”, but {advice}")
    return header.strip(), rest.strip()


def _compile(header: str, pattern: str) -> regex.Pattern[str]:
    translation = from_perl(pattern)
    if not translation.text:
        raise InvalidValue(f"has no pattern for {header}", "Enter a regular expression after the =.")
    try:
        return compile_confined(translation.text)
    except TooMuchError:
        limit = f"{COMPILE_LIMITS.megabytes} MB or a second"
        flaw = f"has “{pattern[:60]}” for {header}, which takes more than {limit} to compile"
        raise InvalidValue(flaw, "Repeat less, or fewer times.") from None
    except regex.error as error:
        reason, position = str(getattr(error, "msg", error)), 1 + translation.origin(getattr(error, "pos", None) or 0)
        place = f"at position {position}, before “{pattern[position - 1 :][:20]}”"
        where = place if position <= len(pattern) else f"at position {position}, at its end"
        raise InvalidValue(
            f"has “{pattern[:60]}” for {header}: {reason} {where}", "Correct the pattern there."
        ) from None
    except _COMPILE_ERRORS as error:
        raise InvalidValue(f"has “{pattern[:60]}” for {header}, which cannot be compiled: {error}") from None
