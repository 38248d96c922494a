"""The one translator: whatever goes wrong on the way to a mail server becomes a MailError."""

from __future__ import annotations

import base64
import imaplib
import poplib
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from postmaster.errors import FAULTS, MailError, Stage, mail_error
from postmaster.sources.base import Endpoint
from postmaster.sources.deadline import CONNECT_SECONDS, READ_SECONDS, Deadline


class NonsenseError(Exception):
    """A server answers what no client can make sense of, such as a gigabyte where a line is due."""


# What the socket, TLS, imaplib, poplib and IMAPClient's readers raise, the latter when they are fed garbage.
WIRE_ERRORS = (
    OSError,
    imaplib.IMAP4.error,
    poplib.error_proto,
    NonsenseError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)

# Response codes of a refused login: RFC 5530 section 3 (IMAP); RFC 2449 section 8 and RFC 3206 section 4 (POP3).
LOGIN_CODES = {
    "UNAVAILABLE": "login-unavailable",
    "SERVERBUG": "login-unavailable",
    "INUSE": "login-in-use",
    "LIMIT": "login-limit",
    "PRIVACYREQUIRED": "login-disabled",
    "IN-USE": "login-in-use",
    "LOGIN-DELAY": "login-limit",
    "SYS/TEMP": "login-unavailable",
    "SYS/PERM": "login-unavailable",
}

# Words of servers that send no such code. A login that only seems refused would pause the account, so they count.
LOGIN_WORDS = (
    (re.compile(r"too many|maximum number|rate limit", re.IGNORECASE), "login-limit"),
    (re.compile(r"\b(locked|in use) by (another|other)|already (locked|in use)", re.IGNORECASE), "login-in-use"),
    (re.compile(r"temporar|try again|\bunavailable\b", re.IGNORECASE), "login-unavailable"),
)

_CODE = re.compile(r"\[([A-Z/-]+)[\] ]")
_PREFIXES = re.compile(r"^(\* |command: \w+ => |[\w ]+ (failed|command error): |BAD |BYE |NO |-ERR ?|\[b['\"])+")
# What imaplib, poplib and pop3_client say when the connection is gone.
_LOST = re.compile(r"^(command: \w+ => )?socket error: |^(-ERR )?EOF$")

# What Exchange says to every command if it takes a token for a mailbox that the token's owner may not open.
_CLOSED = re.compile("authenticated but not connected", re.IGNORECASE)

_NONSENSE = re.compile(r"^(command: \w+ => )?(unexpected |line too long|got more than)")


class Wire:
    """What every step on the way to one server needs: where it leads, how long it may take, and the translator."""

    def __init__(self, endpoint: Endpoint, deadline: Deadline) -> None:
        self.endpoint = endpoint
        self.deadline = deadline
        self.connected = False
        self.token = ""

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Whatever fails inside is raised as a MailError of ``stage``."""
        try:
            yield
        except MailError:
            raise
        except WIRE_ERRORS as error:
            # A server may echo what it was sent, so nothing of a login is kept as the cause.
            raise self.translate(error, stage) from (None if stage == "login" else error)

    def fail(self, code: str, stage: Stage, words: str = "", **details: object) -> MailError:
        """The MailError ``code`` with what all of them may name, and the server's own words."""
        endpoint = self.endpoint
        facts: dict[str, object] = {
            "host": endpoint.host,
            "port": endpoint.port,
            "login": endpoint.login,
            "folder": endpoint.folder or "INBOX",
            "protocol": endpoint.type.protocol.value,
            "type": endpoint.type.name,
            "seconds": f"{READ_SECONDS:g}",
        }
        if "{causes}" in FAULTS[code].advice and endpoint.tokens is not None:
            facts["causes"] = endpoint.tokens.causes(self.token)
        return mail_error(code, stage=stage, server=self._redact(words), **(facts | details))

    def translate(self, error: BaseException, stage: Stage) -> MailError:
        """The MailError that ``error`` means at ``stage``."""
        if self.deadline.passed:
            return self.fail("session-deadline", stage, seconds=f"{self.deadline.seconds:g}")
        if isinstance(error, OSError):
            return self._network(error, stage)
        if isinstance(error, imaplib.IMAP4.readonly):
            return self.fail("folder-read-only", "folder", words_of(error))
        if isinstance(error, (imaplib.IMAP4.error, poplib.error_proto)):
            return self._refusal(error, stage)
        return self.fail("server-confused", stage, words_of(error) if isinstance(error, NonsenseError) else "")

    def _network(self, error: OSError, stage: Stage) -> MailError:
        words = str(error.strerror or error)
        if isinstance(error, socket.gaierror):
            return self.fail("host-unknown", stage)
        if isinstance(error, TimeoutError):
            return self._silence(stage)
        if stage == "connect" and not self.connected:
            refused = isinstance(error, ConnectionRefusedError)
            return self.fail("connect-refused" if refused else "connect-failed", stage, "" if refused else words)
        if stage == "connect":
            return self.fail("server-unavailable", stage)
        if stage == "tls":
            return self.fail("tls-failed", stage, getattr(error, "reason", None) or words)
        return self.fail("connection-lost", stage)

    def _silence(self, stage: Stage) -> MailError:
        if stage == "connect":
            code = "no-greeting" if self.connected else "connect-timeout"
            return self.fail(code, stage, seconds=f"{CONNECT_SECONDS:g}")
        return self.fail("server-silent", stage)

    def _refusal(self, error: Exception, stage: Stage) -> MailError:
        """The server said no, said goodbye, or said something else than was asked."""
        said, words = _said(error), words_of(error)
        lost = isinstance(error.args[0] if error.args else "", str) and _LOST.search(said)
        if stage == "connect":
            turned_away = said.startswith(("* BYE", "-ERR"))
            code = "server-unavailable" if lost or turned_away else "not-a-mail-server"
            # What does not speak the protocol is somebody else's: its words are not for whoever entered the address.
            return self.fail(code, stage, words if turned_away and not lost else "")
        if lost:
            return self.fail("connection-lost", stage)
        if _NONSENSE.search(said):
            return self.fail("server-confused", stage)
        if isinstance(error, imaplib.IMAP4.abort):  # BYE
            return self.fail("login-unavailable" if stage == "login" else "connection-lost", stage, words)
        if stage == "login" and "command error: BAD" not in said:
            return self.fail(self._login_fault(words), stage, words)
        return self._other_refusal(words, stage)

    def _login_fault(self, words: str) -> str:
        fault = login_fault(words)
        return "token-refused" if self.token and fault == "login-refused" else fault

    def _other_refusal(self, words: str, stage: Stage) -> MailError:
        if self.token and _CLOSED.search(words):
            return self.fail("mailbox-closed", "permission", words)
        return self.fail(REFUSED.get(stage, "server-refused"), stage, words)

    def _redact(self, words: str) -> str:
        endpoint = self.endpoint
        plain = f"\0{endpoint.login}\0{endpoint.password}".encode()
        for secret in (base64.b64encode(plain).decode(), endpoint.password, self.token):
            words = words.replace(secret, "…") if secret else words
        return words


REFUSED: dict[Stage, str] = {"folder": "folder-refused", "delete": "delete-refused", "tls": "tls-failed"}


def login_fault(words: str) -> str:
    """The fault that a refused login means. The response code counts before the password is blamed."""
    code = _CODE.search(words)
    if code and code[1] in LOGIN_CODES:
        return LOGIN_CODES[code[1]]
    if code and code[1] != "ALERT":
        return "login-refused"
    return next((fault for pattern, fault in LOGIN_WORDS if pattern.search(words)), "login-refused")


def words_of(error: BaseException) -> str:
    """The server's own words in ``error``, on one line of 300 characters at most."""
    return clean(_PREFIXES.sub("", _said(error)).removesuffix("']").removesuffix('"]'))


def clean(words: bytes | str) -> str:
    """``words`` as they may be shown: one line, printable, 300 characters at most."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:300]


def _said(error: BaseException) -> str:
    first = (error.args[0] if error.args else None) or ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)
