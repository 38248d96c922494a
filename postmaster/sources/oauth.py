"""Signing in with an access token: the SASL mechanisms OAUTHBEARER (RFC 7628) and XOAUTH2 (Google's, Microsoft's)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable

from postmaster.sources.base import Endpoint
from postmaster.sources.wire import NonsenseError, cleaned_text

OAUTHBEARER, XOAUTH2 = "OAUTHBEARER", "XOAUTH2"
MECHANISMS = (OAUTHBEARER, XOAUTH2)
"""The one that is preferred first: it has a standard."""

MAX_CHALLENGES = 3
"""A server has one thing to say about a token; one that goes on asking makes no sense."""


def choose_mechanism(offered: Iterable[bool | None]) -> str | None:
    """The first of MECHANISMS that is ``offered``, which are in the same order; None if none is."""
    return next((name for name, there in zip(MECHANISMS, offered, strict=True) if there), None)


def read_challenge(words: bytes) -> bytes:
    """What a server's challenge says. It should be base64 (RFC 4422 section 4); some write plain text, or nothing."""
    try:
        return base64.b64decode(words.strip(), validate=True)
    except binascii.Error:
        return words


class TokenExchange:
    """One attempt to sign in with ``token``. ``answer`` is what to send for each challenge of the server."""

    def __init__(self, mechanism: str, endpoint: Endpoint, token: str) -> None:
        self._bearer = mechanism == OAUTHBEARER
        self._first = (_oauthbearer if self._bearer else _xoauth2)(endpoint, token)
        self._challenges: list[bytes] = []

    def answer(self, challenge: bytes) -> bytes:
        """The token first; then what lets the server go on to refuse it (RFC 7628 section 3.2.3).

        Raises NonsenseError if the server goes on and on.
        """
        self._challenges.append(challenge)
        if len(self._challenges) > MAX_CHALLENGES:
            raise NonsenseError("challenges without end")
        if len(self._challenges) == 1:
            return self._first
        return b"\1" if self._bearer else b""

    def with_complaint(self, words: str) -> str:
        """``words`` of the refusal, with what the server's challenge said."""
        return cleaned_text(f"{words} ({complaint})") if (complaint := self._complaint()) else words

    def _complaint(self) -> str:
        for challenge in self._challenges[1:]:
            try:
                said = json.loads(challenge)
            except ValueError:
                continue
            if isinstance(said, dict):
                return ", ".join(f"{name} {said[name]}" for name in ("status", "scope", "schemes") if said.get(name))
        return ""


def _oauthbearer(endpoint: Endpoint, token: str) -> bytes:
    user = endpoint.login.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={user},\1host={endpoint.host}\1port={endpoint.port}\1auth=Bearer {token}\1\1".encode()


def _xoauth2(endpoint: Endpoint, token: str) -> bytes:
    return f"user={endpoint.login}\1auth=Bearer {token}\1\1".encode()
