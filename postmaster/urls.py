"""Addresses of the web, in which anything may stand."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

# A host with its port: what is in brackets is the whole host.
_HOST = re.compile(r"\[[^\[\]]*\](?::[0-9]*)?|[^\[\]]*")


def split_url(text: str) -> SplitResult | None:
    """The parts of an address; None if its brackets or its port are wrong, which Python says with an error.

    Which brackets it minds differs between its versions; here they are judged alike.
    """
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it is read when it is asked for
    except ValueError:
        return None
    return parts if _HOST.fullmatch(parts.netloc.rpartition("@")[2]) else None
