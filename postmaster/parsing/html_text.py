"""HTML of mail as text, for messages that have no other; and the images that it shows.

lxml reads it as browsers do, and calls back for each tag and each piece of text: linear, and without a tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# No words of the message. What Word leaves in <xml> is none as well, unless the tag was never closed.
_HIDDEN = frozenset({"script", "style", "title", "template", "noframes", "iframe", "object", "applet", "select", "svg"})
_ISLAND = "xml"

_LINE_TAG_NAMES = """
    address article aside blockquote body caption dd div dl dt fieldset figcaption figure footer form header html main
    nav ol pre section table tbody tfoot thead tr ul
"""
_LINE_TAGS = frozenset(_LINE_TAG_NAMES.split())
_PARAGRAPH_TAGS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})
_ENDS_ISLAND = _LINE_TAGS | _PARAGRAPH_TAGS
_CELLS = frozenset({"td", "th"})

# A quick look: words outside of tags, or an image.
_BODY = re.compile(r"<body\b", re.IGNORECASE)
_SHOWS = re.compile(r"<img\b|(?:>|\A)\s*+[^<\s&]", re.IGNORECASE)
_CLOSE_LOOK = 20_000

# Tags within one another that are followed. The parser's own time grows with their square, and people's mail has 50.
MAX_DEPTH = 1_000
_PIECE = 16_384
_TAG = re.compile(r"<[^<>]*+>?")


class _TooDeepError(Exception):
    """More tags are open than are followed."""


class _Reader:
    """Collects words, and where lines end."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.images: list[str] = []
        self._hidden: dict[str, None] = {}  # tags whose content is not shown, each by its outermost one
        self._pre = 0
        self._lists: list[int | None] = []
        self._marker = ""
        self._breaks = 0  # lines that end before the next word
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A tag begins."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeepError
        if tag in _HIDDEN or tag == _ISLAND:
            self._hidden.setdefault(tag)
        elif self._hidden and tag in _ENDS_ISLAND and next(reversed(self._hidden)) == _ISLAND:
            self._hidden.clear()
        if self._hidden:
            return
        if tag == "img":
            self.images.append(attributes.get("src", ""))
        elif tag == "br":
            self._breaks += 1
        elif tag == "hr":
            self._breaks = max(self._breaks, 2)
        elif tag == "li":
            self._item()
        else:
            self._begin_block(tag, attributes)

    def _begin_block(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ("ul", "ol"):
            start = attributes.get("start", "1")
            self._lists.append((int(start) if start.isdecimal() and len(start) < 7 else 1) if tag == "ol" else None)
        self._pre += tag == "pre"
        if tag in _CELLS and not self._breaks:
            self.out.append("\t")
        elif not self._marker and self.out[-1:] != ["\t"]:
            self._break(tag)

    def end(self, tag: str) -> None:
        """A tag ends, or would have to."""
        self._depth -= 1
        if self._hidden:
            while tag in self._hidden:
                self._hidden.popitem()
            return
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        if tag in _CELLS:
            self._breaks = 0
        self._break(tag)

    def data(self, text: str) -> None:
        """Words."""
        if self._hidden:
            return
        if not self._pre:
            text = text.replace("\n", " ").replace("\t", " ")
        if self._breaks or self._marker:
            if not text.strip():
                return
            self.out.append("\n" * self._breaks + self._marker)
            self._breaks, self._marker = 0, ""
        self.out.append(text)

    def comment(self, text: str) -> None:
        """Nothing to read, conditional ones neither."""

    def close(self) -> None:
        """The document ends."""

    def _item(self) -> None:
        number = self._lists[-1] if self._lists else None
        self._marker = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._breaks = max(self._breaks, 1)

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPH_TAGS:
            self._breaks = max(self._breaks, 2)
        elif tag in _LINE_TAGS or tag == "li":
            self._breaks = max(self._breaks, 1)


def _read(source: str) -> _Reader:
    # Only messages with no plain text pay for the import.
    from lxml import etree

    reader = _Reader()
    if source.strip():
        parser = etree.HTMLParser(target=reader, huge_tree=True)
        clean = source.replace("\0", "")
        try:
            for start in range(0, len(clean), _PIECE):
                parser.feed(clean[start : start + _PIECE])
            parser.close()
        except etree.LxmlError:  # nothing that it takes for a document; what was read before is kept
            pass
        except _TooDeepError:
            reader.out.append(_TAG.sub(" ", clean[start + _PIECE :]))
    return reader


def html_to_text(source: str) -> str:
    """The words of an HTML document, a line for each block; no markup is left. Never raises."""
    return _tidy("".join(_read(source).out))


def image_sources(source: str) -> list[str]:
    """What the images of an HTML document refer to, as it is written. Never raises."""
    return _read(source).images if "<img" in source or "<IMG" in source or "<Img" in source else []


def is_blank(source: str) -> bool:
    """Whether HTML shows neither words nor an image."""
    body = _BODY.search(source)
    start = body.start() if body else 0
    if not _SHOWS.search(source, start):
        return True
    if len(source) - start > _CLOSE_LOOK:
        return False
    reader = _read(source)
    return not reader.images and not _tidy("".join(reader.out))


def _tidy(text: str) -> str:
    """Blanks between words made one, and blank lines too; cells stay apart."""
    return "\n".join(_lines(text)).strip("\n")


def _lines(text: str) -> Iterator[str]:
    blank = True
    for line in text.split("\n"):
        if "\t" in line:
            words = "\t".join(filter(None, (" ".join(cell.split()) for cell in line.split("\t"))))
        else:
            words = " ".join(line.split())
        if words or not blank:
            yield words
        blank = not words
