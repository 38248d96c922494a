"""TLS: whom a connection is encrypted to is settled before anything secret is sent (docs/glossary.md#mail-accounts)."""

from __future__ import annotations

import functools
import socket
import ssl
from pathlib import Path

from postmaster.accounts.fingerprint import fingerprint_of, parse_fingerprint
from postmaster.errors import mail_error
from postmaster.sources.base import Endpoint
from postmaster.tls_flags import UNWANTED_FLAGS, WANTED_FLAGS


@functools.cache
def shared_context(verify: bool, ca_file: Path | None) -> ssl.SSLContext:
    """One context for all connections alike: loading the system's certificates takes longer than a handshake.

    ``ca_file`` is trusted beside them. Raises MailError if it holds no certificates.
    """
    context = ssl.create_default_context()
    context.hostname_checks_common_name = False
    context.verify_flags = (context.verify_flags | WANTED_FLAGS) & ~UNWANTED_FLAGS
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise mail_error("ca-file-unusable", file=ca_file) from error
    return context


class TlsGuard:
    """Puts TLS around a socket and lets only the right server pass.

    It has the one method of ``ssl.SSLContext`` that imaplib and poplib call for STARTTLS. A fingerprint replaces the
    checks of chain and name, and holds with SSL Verify no as well; SSL VerifyCN Name takes the place of the host.
    ``trust_all`` lets every server pass, for looking at certificates only.
    """

    def __init__(self, endpoint: Endpoint, *, trust_all: bool = False) -> None:
        self._endpoint = endpoint
        self._pin = None
        if endpoint.ssl_fingerprint and not trust_all:
            self._pin = parse_fingerprint(endpoint.ssl_fingerprint)
        self._verify = endpoint.ssl_verify and self._pin is None and not trust_all
        self.certificate = b""

    def wrap_socket(self, sock: socket.socket, server_hostname: str | None = None) -> ssl.SSLSocket:
        """``sock`` encrypted, its server checked; ``certificate`` is then the server's, in DER form.

        Raises ssl.SSLError, and MailError if the certificate is not the one with the given fingerprint.
        """
        context = shared_context(self._verify, self._endpoint.ca_file if self._verify else None)
        name = self._endpoint.ssl_verifycn_name or server_hostname or self._endpoint.host
        encrypted = context.wrap_socket(sock, server_hostname=name.rstrip("."))
        self.certificate = encrypted.getpeercert(binary_form=True) or b""
        if self._pin and not self._pin.matches(self.certificate):
            encrypted.close()
            actual = fingerprint_of(self.certificate, self._pin.algorithm)
            raise mail_error("fingerprint-mismatch", host=self._endpoint.host, actual=actual)
        return encrypted
