"""The text in Outlook's container repeats the one beside it, or says more, or something else: all is read, and once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from postmaster.parsing.pieces import Piece

MAX_COMPARED = 50
"""Pieces that are compared with those of containers; what is behind them may be read twice."""

_MAX_PLACES = 100

# What programs write into plain text for a link or an image.
_REFERENCE = re.compile(r"<(?:https?:|mailto:|tel:)[^<>\s]{0,2000}>|\[cid:[^\]\s]{0,200}\]", re.IGNORECASE)
_WORD = re.compile(r"\w+")


@dataclass
class _Words:
    """The words of a piece, whatever is between them, and where in ``all`` its lines begin and end."""

    all: str = " "
    starts: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)

    def has(self, other: _Words) -> bool:
        """Whether whole lines of it say all that ``other`` says; how lines are broken makes no difference."""
        place = self.all.find(other.all)
        for _ in range(_MAX_PLACES):
            if place < 0 or (place in self.starts and place + len(other.all) - 1 in self.ends):
                break
            place = self.all.find(other.all, place + 1)
        return place >= 0 and len(other.all) > 2


def without_copies(pieces: Sequence[Piece]) -> list[Piece]:
    """``pieces`` without those of containers that others say as well, and without those that such a piece says."""
    copies = [number for number, piece in enumerate(pieces[:MAX_COMPARED]) if piece.from_container]
    if not copies or len(pieces) == 1:
        return list(pieces)
    words = [_words(piece.text) for piece in pieces[:MAX_COMPARED]]
    left: dict[int, Piece] = dict(enumerate(pieces))
    for copy in copies:
        others = [number for number in left if number < len(words) and number != copy]
        twin = next((number for number in others if words[number].all == words[copy].all), None)
        if twin is not None:
            left[twin] = replace(left[twin], html=left[twin].html or left[copy].html)
        if twin is not None or any(words[number].has(words[copy]) for number in others):
            del left[copy]
        else:
            for number in others:
                if words[copy].has(words[number]):
                    del left[number]
    return list(left.values())


def _words(text: str) -> _Words:
    found = _Words()
    position = 0
    parts: list[str] = []
    for line in _REFERENCE.sub(" ", text).splitlines():
        said = " ".join(_WORD.findall(line.casefold()) or line.split())
        if said:
            found.starts.add(position)
            parts.append(said)
            position += len(said) + 1
            found.ends.add(position)
    found.all = f" {' '.join(parts)} "
    return found
