"""Ticket numbers in subjects and texts: how they are found, and how a title gets rid of them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from postmaster.system.settings import HOOK_DIVIDER, TICKET_HOOK, Configuration

# Ticket numbers that are looked at in one place, and characters of a text in which they are looked for.
MAX_NUMBERS = 10
MAX_SEARCHED = 1_000_000

NO_SUBJECT = "(no subject)"

# What answers and forwards begin with, in the languages of common mail programs, and how often: “Re[2]:”, “AW (3):”.
_PREFIXES = re.compile(
    r"(?:\s*(?:re|aw|antw|antwort|sv|vs|odp|rif|res|fwd?|wg|tr|vb|enc|doorst)\s{0,2}"
    r"(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s{0,2}[:：])+\s*",
    re.IGNORECASE,
)


class Hook(NamedTuple):
    """What stands before a ticket number, by the settings Ticket::Hook and Ticket::HookDivider."""

    text: str
    divider: str = ""


def hook_of(configuration: Configuration) -> Hook:
    """What the settings say."""
    return Hook(configuration[TICKET_HOOK], configuration[HOOK_DIVIDER])


def find_numbers(text: str, hook: Hook) -> tuple[str, ...]:
    """Ticket numbers after ``hook`` in ``text``, each once."""
    found = (match[1] for match in _numbers(hook).finditer(text, 0, MAX_SEARCHED))
    distinct: dict[str, None] = {}
    for number in found:
        distinct[number] = None
        if len(distinct) == MAX_NUMBERS:
            break
    return tuple(distinct)


def clean_title(subject: str, hook: Hook) -> str:
    """The title that ``subject`` makes: without numbers of other tickets, which answers would be taken for follow-ups
    by, and, where it had one, without what the answer to that ticket began with.
    """
    title, count = _in_brackets(hook).subn("", subject)
    if count and (prefixes := _PREFIXES.match(title)):
        title = title[prefixes.end() :]
    return title.strip() or NO_SUBJECT


@lru_cache(maxsize=16)
def _numbers(hook: Hook) -> re.Pattern[str]:
    start = r"(?<!\w)" if hook.text[0].isalnum() else ""  # XTicket# is the hook of another system
    divider = rf"\s{{0,2}}{re.escape(hook.divider)}\s{{0,2}}|" if hook.divider else ""
    return re.compile(rf"{start}{re.escape(hook.text)}(?:{divider}[:\s]{{0,3}})([0-9]{{5,30}})(?![0-9])", re.IGNORECASE)


@lru_cache(maxsize=16)
def _in_brackets(hook: Hook) -> re.Pattern[str]:
    number = _numbers(hook).pattern
    return re.compile(rf"\[\s{{0,3}}{number}\s{{0,3}}\]\s{{0,3}}|{number}\s{{0,3}}", re.IGNORECASE)
