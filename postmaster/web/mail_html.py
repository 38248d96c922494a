"""HTML of mail, made harmless: what may stay is listed, everything else goes.

It is shown in a sandboxed frame with a policy of its own (``web.articles``), so this is one wall of three. It runs in a
child process as well (``web.shown_html``), so it imports nothing of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import nh3

# Beyond these a page of HTML is not shown: browsers have trouble with it.
MAX_TAGS = 30_000
MAX_CHARACTERS = 4_000_000

# Up to these it takes no more than 0.3 s and 100 MB, whatever it is. The last is of characters by tags: each tag may
# have all attributes repeated that were opened before it.
ORDINARY_TAGS = 1_000
ORDINARY_ATTRIBUTES = 20_000
ORDINARY_CHARACTERS = 300_000
ORDINARY_PRODUCT = 50_000_000

# Bytes of what a child makes that are worth showing.
MAX_HTML_BYTES = 8_000_000

TAGS = nh3.ALLOWED_TAGS | {"font", "big", "address", "section", "main"}
REMOVED_WHOLE = {
    "applet", "audio", "canvas", "embed", "frameset", "iframe", "math", "noembed", "noframes", "object", "script",
    "select", "style", "svg", "template", "textarea", "title", "video", "xmp",
}  # fmt: skip

_LAYOUT = {"align", "valign", "width", "height", "bgcolor"}
ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href"},
    "font": {"color", "size"},
    "img": {"src", "alt", "width", "height", "align", "border"},
    "ol": {"start", "type"},
    "p": {"align"},
    "div": {"align"},
    "table": {*_LAYOUT, "border", "cellpadding", "cellspacing"},
    "tr": _LAYOUT,
    "td": {*_LAYOUT, "colspan", "rowspan"},
    "th": {*_LAYOUT, "colspan", "rowspan", "scope"},
}  # fmt: skip

_LINK = re.compile(r"(https?|mailto|tel):", re.IGNORECASE)
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,", re.IGNORECASE)

Inline = Callable[[str], str | None]


def safe_documents(documents: Sequence[str], inline: Inline, *, remote_images: bool) -> str:
    """Documents that follow one another made harmless, each by itself: what one leaves open swallows no other."""
    return "\n".join(safe_html(document, inline, remote_images=remote_images) for document in documents)


def is_showable(html: str) -> bool:
    """Whether ``html`` is small enough to be shown."""
    return len(html) <= MAX_CHARACTERS and html.count("<") <= MAX_TAGS


def is_ordinary(html: str) -> bool:
    """Whether ``html`` is made harmless quickly, whatever it holds: time grows with the square of how deep tags are
    nested, of the attributes of one tag, and of formatting that is opened again and again.

    Each tag needs a <, and each attribute a blank, a slash or a quotation mark before it, so there are no more of them;
    to look closer would be to parse it.
    """
    tags = html.count("<")
    attributes = len(html.split()) + html.count("/") + (html.count('"') + html.count("'")) // 2
    few = tags <= ORDINARY_TAGS and attributes <= ORDINARY_ATTRIBUTES
    return few and len(html) <= ORDINARY_CHARACTERS and len(html) * tags <= ORDINARY_PRODUCT


def safe_html(html: str, inline: Inline, *, remote_images: bool) -> str:
    """``html`` without anything that runs, submits, or asks for something elsewhere.

    ``inline`` gives the address of the image that a reference means, if it came with the mail. Remote images stay if
    ``remote_images``, and only those that come by https.
    """

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if (tag, attribute) == ("img", "src"):
            return _image(value.strip(), inline, remote_images)
        if attribute == "href":
            return value if _LINK.match(value.strip()) else None
        return value

    return nh3.clean(
        html,
        tags=TAGS - REMOVED_WHOLE,
        clean_content_tags=REMOVED_WHOLE,
        attributes=ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "tel", "cid", "mid", "file", "about", "data"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
    )


def _image(address: str, inline: Inline, remote: bool) -> str | None:
    if (own := inline(address)) is not None:
        return own
    if remote and address.partition(":")[0].lower() == "https":
        return address
    return address if _DATA_IMAGE.match(address) else None


def confined(question: bytes) -> bytes:
    """``safe_documents`` for what a child process is asked: documents, the ``places`` of inline images, by what refers
    to them, and whether remote ones stay. Raises MemoryError if it becomes too long.
    """
    asked = json.loads(question)
    html = safe_documents(asked["documents"], asked["places"].get, remote_images=asked["remote"])
    made = html.encode(errors="replace")
    if len(made) > MAX_HTML_BYTES:
        raise MemoryError
    return made
