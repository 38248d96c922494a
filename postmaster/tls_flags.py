"""What is asked of the form of certificates: the same in each Python."""

from __future__ import annotations

from ssl import VerifyFlags
from typing import Any

# A certificate that an administrator names is trusted, whoever signed it. Python does so from 3.13 on.
WANTED_FLAGS = VerifyFlags.VERIFY_X509_PARTIAL_CHAIN

# From 3.13 on it refuses chains that lack fields of RFC 5280, such as the Authority Key Identifier, as those of many
# companies' own CAs and proxies do (python/cpython#138193, python/cpython#107361, urllib3/urllib3#3665).
UNWANTED_FLAGS = VerifyFlags.VERIFY_X509_STRICT


def redis_tls_options(url: str) -> dict[str, Any]:
    """How clients of Redis are to judge its certificate, if it has one at that address."""
    if not url.startswith("rediss:"):
        return {}
    return {"ssl_include_verify_flags": [WANTED_FLAGS], "ssl_exclude_verify_flags": [UNWANTED_FLAGS]}
