"""What a page of the help is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Entry:
    """Something that is explained, under its own address: ``code`` is how it is entered or written."""

    name: str
    text: str
    facts: Sequence[tuple[str, str]] = ()
    code: str = ""

    @property
    def anchor(self) -> str:
        """Where it stands on its page."""
        return _UNSAFE.sub("-", self.name).strip("-")


@dataclass(frozen=True)
class HelpSection:
    """Entries of one kind."""

    title: str
    lead: str
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Topic:
    """A page of the help. ``pages`` are the blueprints whose pages lead to it."""

    name: str
    title: str
    lead: str
    sections: Callable[[], Iterable[HelpSection]]
    pages: Sequence[str] = ()


def named_facts(**facts: str) -> list[tuple[str, str]]:
    """Those that say something."""
    return [(name.replace("_", " ").capitalize(), text) for name, text in facts.items() if text]
