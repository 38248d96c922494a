"""Addresses of the web, in which anything may stand."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def split_url(text: str) -> SplitResult | None:
    """The parts of an address; None if its brackets or its port are wrong, which Python says with an error.

    What is wrong in brackets differs between its versions.
    """
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it is read when it is asked for
    except ValueError:
        return None
    return parts
