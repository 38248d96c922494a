"""The text of a message as a sequence of pieces (RFC 2046 sections 5.1.3 and 5.1.4).

Pieces follow one another as they stand in the message; only the members of an alternative stand for each other, and so
make one piece that can be read in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from postmaster.parsing.html_text import html_to_text, is_blank

_ASCII_WORD = re.compile(r"[A-Za-z0-9]{4,}")

# Characters without a shape, which programs leave in a plain part that says nothing.
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u034f\u200b\u200c\u200d\u2060\ufeff"))

_LOOK = 100  # most text shows something at once

_ENDS = ("</html>", "</body>")

# What an HTML document may leave open, so that it would swallow the piece after it; and what closes that.
_OPEN = [("<!--", "-->", "-->")] + [
    (f"<{tag}", f"</{tag}", f"</{tag}>")
    for tag in ("style", "script", "title", "textarea", "xmp", "noscript", "iframe", "select", "object", "template")
]


def is_unseen(text: str) -> bool:
    """Whether plain text shows nothing."""
    return not text.lstrip()[:_LOOK].translate(_UNSEEN).strip() and not text.translate(_UNSEEN).strip()


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: as plain text, as HTML, or as both; what is missing can be made of the other.

    ``from_container`` says that it is what Outlook packed, which usually repeats the text beside it.
    """

    plain: str | None = None
    html: str | None = None
    from_container: bool = False

    @property
    def text(self) -> str:
        """It as plain text."""
        return html_to_text(self.html or "") if self.plain is None else self.plain

    @property
    def shown(self) -> str:
        """It as HTML."""
        return f"<pre>{escape(self.plain or '', quote=False)}</pre>" if self.html is None else self.html

    def is_blank(self, words: str = "") -> bool:
        """Whether there is nothing to read or to see. ``words`` are those that HTML probably has as well."""
        if self.plain is not None and not is_unseen(self.plain):
            return False
        if self.html is None:
            return True
        word = _ASCII_WORD.search(words)
        return not (word and word[0] in self.html) and is_blank(self.html)


def text_of(pieces: Sequence[Piece]) -> str:
    """Pieces as plain text, one below the other."""
    texts = [piece.text for piece in pieces]
    texts = [text for text in texts if text.strip()] or texts[:1]
    if len(texts) == 1:
        return texts[0]
    return "".join(text if text.endswith("\n") else f"{text}\n" for text in texts)


def html_of(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Pieces as HTML, each a document of its own; none if all of them are plain."""
    if all(piece.html is None for piece in pieces):
        return ()
    return tuple(piece.shown for piece in pieces if piece.html is not None or not piece.is_blank())


def join_html(documents: Sequence[str]) -> str | None:
    """HTML documents as one, in which none swallows what follows it; None if there are none."""
    if len(documents) < 2:
        return documents[0] if documents else None
    return "\n".join([*map(_closed, documents[:-1]), documents[-1]])


def _closed(document: str) -> str:
    for end in _ENDS:
        document = document.rstrip()
        document = document[: -len(end)] if document[-len(end) :].lower() == end else document
    lower = document.lower()
    ends = [end for start, closing, end in _OPEN if lower.rfind(start) > lower.rfind(closing)]
    unfinished = lower.rfind("<") > lower.rfind(">")
    return document + ('">' if unfinished else "") + "".join(ends)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is read of an alternative, and the numbers of its members that are read in no way and say something else."""

    pieces: list[Piece]
    left: list[int]


def choose(members: Sequence[list[Piece]]) -> Chosen:
    """Of the members of an alternative, each a sequence of pieces, the last plain one and the last one with HTML; an
    empty one gives way to its siblings.
    """
    words = next((text for text in map(_plain_words, members) if not is_unseen(text)), "")
    numbers = [number for number, pieces in enumerate(members) if not all(piece.is_blank(words) for piece in pieces)]
    numbers = numbers or [number for number, pieces in enumerate(members) if pieces]
    rich = [number for number in numbers if any(piece.html is not None for piece in members[number])]
    plain = [number for number in numbers if number not in rich]
    read = [*plain[-1:], *rich[-1:]]
    left = [number for number in numbers if number not in read]
    if left:
        said = {_squeezed(members[number]) for number in read}
        left = [number for number in left if _squeezed(members[number]) not in said]
    if len(read) < 2:
        return Chosen(members[read[0]] if read else [], left)
    html = join_html(html_of(members[read[1]]))
    return Chosen([Piece(text_of(members[read[0]]), html)], left)


def _plain_words(pieces: Iterable[Piece]) -> str:
    return next((piece.plain for piece in pieces if piece.plain), "")


def _squeezed(pieces: Sequence[Piece]) -> str:
    return "".join(text_of(pieces).split())
