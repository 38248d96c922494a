"""Text made of HTML, in linear time, for messages that have no other (docs/glossary.md#real-mail: 13)."""

from __future__ import annotations

import html
import re

# Each alternative that needs an end takes the end of the document as one, as browsers do: so that nothing is searched
# for more than once.
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?:script|style|title)\b.*?(?:</(?:script|style|title)[^>]*+(?:>|\Z)|\Z)"
    r"|</?([a-z][a-z0-9]*+)[^>]*+(?:>|\Z)"
    r"|<[/!?][^>]*+(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
# Python refuses to read a number of more than 4,300 digits, and no character has more than seven.
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}+|[xX][0-9a-fA-F]{7,}+);?")

_LINE_TAGS = """
    address article aside blockquote body br dd div dl dt figure footer form header hr html li main nav ol pre section
    table tbody thead tr ul
"""
_PARAGRAPH_TAGS = ("p", "h1", "h2", "h3", "h4", "h5", "h6")
_BREAKS = dict.fromkeys(_LINE_TAGS.split(), "\n") | dict.fromkeys(_PARAGRAPH_TAGS, "\n\n") | {"td": " ", "th": " "}


def html_to_text(source: str) -> str:
    """The words of an HTML document, a line for each block; no markup is left. Never raises."""
    pieces = _MARKUP.split(source)
    texts, tags = pieces[0::2], pieces[1::2]
    out: list[str] = []
    in_pre = False
    for text, tag in zip(texts, [*tags, None], strict=True):
        out.append(text if in_pre else text.replace("\n", " "))
        name = (tag or "").lower()
        in_pre = (not in_pre) if name == "pre" else in_pre
        out.append(_BREAKS.get(name, ""))
    return _tidy(html.unescape(_HUGE_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", "".join(out))))


def _tidy(text: str) -> str:
    """Blanks between words made one, and blank lines too."""
    lines: list[str] = []
    for line in text.split("\n"):
        words = " ".join(line.split())
        if words or (lines and lines[-1]):
            lines.append(words)
    return "\n".join(lines).strip("\n")
