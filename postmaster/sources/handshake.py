"""What failed handshakes and sockets mean, in words of ours: those of OpenSSL and Python are for programmers."""

from __future__ import annotations

import ssl

# OpenSSL's reasons, by what they begin with. Outdated: the server speaks nothing newer than TLS 1.1, or nothing as
# strong as OpenSSL asks for. Passing: the connection broke, or the server has a trouble of its own.
_OUTDATED = (
    "UNSUPPORTED_PROTOCOL",
    "WRONG_SSL_VERSION",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "NO_PROTOCOLS_AVAILABLE",
    "VERSION_TOO_LOW",
    "NO_SHARED_CIPHER",
    "NO_CIPHERS_AVAILABLE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "SSL/TLS_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "DH_KEY_TOO_SMALL",
    "BAD_DH_VALUE",
    "EE_KEY_TOO_SMALL",
    "CA_KEY_TOO_SMALL",
    "CA_MD_TOO_WEAK",
    "LEGACY_SIGALG",
    "NO_SUITABLE_SIGNATURE_ALGORITHM",
    "WRONG_SIGNATURE_TYPE",
    "UNSAFE_LEGACY_RENEGOTIATION",
)
_PASSING = ("UNEXPECTED_EOF", "TLSV1_ALERT_INTERNAL_ERROR", "SSLV3_ALERT_CLOSE_NOTIFY", "TLSV1_ALERT_USER_CANCELLED")


def handshake_fault(error: OSError) -> str:
    """The fault that a failed handshake means."""
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        return "tls-broken"
    if not isinstance(error, ssl.SSLError):
        return "tls-broken"  # a reset, a network that is gone
    reason = error.reason or ""
    if reason.startswith(_OUTDATED):
        return "tls-outdated"
    return "tls-broken" if reason.startswith(_PASSING) else "tls-failed"


def system_words(error: BaseException) -> str:
    """What the operating system says, such as "No route to host"; empty for what only a library says."""
    if not isinstance(error, OSError) or isinstance(error, ssl.SSLError):
        return ""
    return error.strerror or ""
