"""HTML of mail, made harmless: what may stay is listed, everything else goes.

It is shown in a sandboxed frame with a policy of its own (``web.articles``), so this is one wall of three.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

import nh3

# Beyond these a page of HTML is not shown: sanitising deeply nested tags costs more than their number
# (measured: 1.6 s for 30,000), and browsers have trouble with it as well.
MAX_TAGS = 30_000
MAX_CHARACTERS = 4_000_000

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


def is_showable(html: str) -> bool:
    """Whether ``html`` is small enough to be shown."""
    return len(html) <= MAX_CHARACTERS and html.count("<") <= MAX_TAGS


def safe_html(html: str, inline: Inline, *, remote_images: bool) -> str:
    """``html`` without anything that runs, submits, or asks for something elsewhere.

    ``inline`` gives the address of the image with a Content-ID. Remote images stay if ``remote_images``, and only
    those that come by https.
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
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer nofollow",
    )


def _image(address: str, inline: Inline, remote: bool) -> str | None:
    scheme, _, rest = address.partition(":")
    if scheme.lower() == "cid":
        return inline(unquote(rest))
    if remote and scheme.lower() == "https":
        return address
    return address if _DATA_IMAGE.match(address) else None
