"""Secrets taken out of what servers say, in whatever form they give them back."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby

HIDDEN = "…"

PART, ENCODED_PART = 8, 6
"""Characters of a secret that are enough to know it by, in the clear and in base64."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


class Mask:
    """Takes ``secrets`` out of texts: in capitals or not, escaped, with other blanks, only a part of them, or in
    base64, be it alone or in the middle of something else.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in (secret, secret.replace("\\", "\\\\").replace('"', '\\"'))}
        spellings = {text.lower() for form in forms for text in (form, " ".join(form.split())) if text}
        self._parts = _parts(spellings, PART)
        self._encoded_parts = _parts({text.encode().decode("latin-1") for text in spellings}, ENCODED_PART)

    def hide(self, text: str) -> str:
        """``text`` without them."""
        if not self._parts:
            return text
        covered = zip(text, _covered(text, self._parts), strict=True)
        runs = (
            (hidden, "".join(char for char, _ in run)) for hidden, run in groupby(covered, key=lambda pair: pair[1])
        )
        return _BASE64.sub(self._hide_encoded, "".join(HIDDEN if hidden else shown for hidden, shown in runs))

    def _hide_encoded(self, match: re.Match[str]) -> str:
        """What is base64 of a secret, wherever in it the text begins and ends."""
        text = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        for start in range(4):
            whole = (len(text) - start) // 4 * 4
            decoded = base64.b64decode(text[start : start + whole]).decode("latin-1")
            if any(_covered(decoded, self._encoded_parts)):
                return HIDDEN
        return match[0]


def _parts(spellings: Iterable[str], size: int) -> dict[int, set[str]]:
    """What tells a secret: its parts of that size, by their sizes, for a shorter one is a part by itself."""
    parts: dict[int, set[str]] = defaultdict(set)
    for text in spellings:
        length = min(len(text), size)
        parts[length].update(text[start : start + length] for start in range(len(text) - length + 1))
    return parts


def _covered(text: str, parts: dict[int, set[str]]) -> bytearray:
    """For each character whether it belongs to one of ``parts``."""
    covered = bytearray(len(text))
    # Letter by letter: some are several when they are lowered, and the places have to stay.
    lowered = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    for size, known in parts.items():
        for start in range(len(text) - size + 1):
            if lowered[start : start + size] in known:
                covered[start : start + size] = b"\1" * size
    return covered
