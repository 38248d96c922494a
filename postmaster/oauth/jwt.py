"""A look into tokens that are JSON Web Tokens (RFC 7519), to explain them. Nothing is ever trusted because of it."""

from __future__ import annotations

import base64
import json

from postmaster.extensions import Json

# Longer ones are not looked into.
MAX_RESPONSE_BYTES = 100_000


def claims_of(token: str) -> Json:
    """What ``token`` says; nothing if it is no JWT. Its signature is not checked."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_RESPONSE_BYTES:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
