"""What is asked of the form of certificates: the same in each Python."""

from __future__ import annotations

from ssl import VerifyFlags

# A certificate that an administrator names is trusted, whoever signed it. Python does so from 3.13 on.
WANTED_FLAGS = VerifyFlags.VERIFY_X509_PARTIAL_CHAIN

# From 3.13 on it refuses chains that lack fields of RFC 5280, such as the Authority Key Identifier, as those of many
# companies' own CAs and proxies do (python/cpython#138193, python/cpython#107361, urllib3/urllib3#3665).
UNWANTED_FLAGS = VerifyFlags.VERIFY_X509_STRICT
