"""The one translator: whatever goes wrong on the way to a mail server becomes a MailError."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from postmaster.errors import FAULTS, FaultStage, MailError, mail_error
from postmaster.sources.base import Endpoint
from postmaster.sources.deadline import CONNECT_SECONDS, Deadline, TimeLimits
from postmaster.sources.dialogue import Dialogue
from postmaster.sources.habits import habits_of
from postmaster.sources.handshake import handshake_fault, system_words
from postmaster.sources.masking import Mask
from postmaster.sources.refusals import LIMIT, REFUSED, UNCLEAR, login_fault, wait_told


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

# What IMAPClient and imaplib put before a server's words, and its verdict.
_PREFIXES = re.compile(
    r"^(command: \w+ => )?((?!NO |BAD |BYE )[A-Za-z]+( [A-Za-z]+)? failed: |[\w ]+ command error: )?"
    r"(\* )?(BAD |BYE |NO |-ERR ?)*(\[b['\"])?"
)
# What imaplib, poplib and pop3_client say when the connection is gone.
_LOST = re.compile(r"^(command: \w+ => )?socket error: |^(-ERR )?EOF$")

# What Exchange says to every command if it takes a token for a mailbox that the token's owner may not open.
_CLOSED = re.compile("authenticated but not connected", re.IGNORECASE)

_NONSENSE = re.compile(r"^(command: \w+ => )?(unexpected |line too long|got more than)")
# What the server said in what imaplib says of it.
_HEARD = re.compile(r"""unexpected [\w ]+: (?:\[?b)?(['"])(.*)\1""", re.DOTALL)


class ErrorTranslator:
    """What every step on the way to one server needs: where it leads, how long it may take, and the translator."""

    def __init__(self, endpoint: Endpoint, deadline: Deadline) -> None:
        self.endpoint = endpoint
        self.deadline = deadline
        self.connected = False
        self.token = ""
        self.offered = ""
        self.login_delay = 0.0
        self.habits = habits_of(endpoint.host, endpoint.port)
        self._masked, self._mask = ("", ""), Mask(())
        self.dialogue = Dialogue(f"{endpoint.login}@{endpoint.host}:{endpoint.port}", self.hide)
        self.limits = TimeLimits(endpoint.answer_timeout)
        self._answer_seconds = self.limits.answer("connect")
        self._socket: Callable[[], socket.socket | None] = lambda: None

    def uses(self, current: Callable[[], socket.socket | None]) -> None:
        """From now on ``current`` says what socket leads to the server: it is another one once it is encrypted."""
        self._socket = current
        self._wait(self._answer_seconds)

    def _wait(self, seconds: float) -> None:
        """Wait for the next bytes of an answer so long."""
        self._answer_seconds = seconds
        sock = self._socket()
        if sock is not None:
            with contextlib.suppress(OSError):  # closed
                sock.settimeout(seconds)

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Wait for the next bytes of an answer no longer than ``seconds``, for once."""
        before = self._answer_seconds
        self._wait(min(seconds, before))
        try:
            yield
        finally:
            self._wait(before)

    @contextmanager
    def stage(self, stage: FaultStage, extra: float = 0.0) -> Iterator[None]:
        """Whatever fails inside is raised as a MailError of ``stage``, and so is what takes longer than a step may.

        ``extra``: seconds that this step may take longer than others, see ``time_for``.
        """
        before = self._answer_seconds
        self._wait(self.limits.answer(stage))
        try:
            with self.deadline.step(STEPS.get(stage, "one step"), self.limits.step + extra):
                yield
        except MailError:
            raise
        except WIRE_ERRORS as error:
            # A server may echo what it was sent, so nothing of a login is kept as the cause.
            raise self.translate(error, stage) from (None if stage == "login" else error)
        finally:
            self._wait(before)

    def fail(self, code: str, stage: FaultStage, words: str = "", **details: object) -> MailError:
        """The MailError ``code`` with what all of them may name, and the server's own words."""
        endpoint = self.endpoint
        facts: dict[str, object] = {
            "host": endpoint.host,
            "port": endpoint.port,
            "login": endpoint.login,
            "folder": endpoint.folder or "INBOX",
            "protocol": endpoint.type.protocol.value,
            "type": endpoint.type.name,
            "seconds": f"{self._answer_seconds:g}",
            "offered": self.offered or "none at all",
        }
        if "{causes}" in FAULTS[code].advice and endpoint.tokens is not None:
            facts["causes"] = endpoint.tokens.causes(self.token)
        return mail_error(code, stage=stage, server=self.hide(words), **(facts | details))

    def translate(self, error: BaseException, stage: FaultStage) -> MailError:
        """The MailError that ``error`` means at ``stage``."""
        if self.deadline.passed:
            limit = self.deadline.limit
            code = "server-slow" if limit.what else "session-deadline"
            return self.fail(code, stage, what=limit.what, seconds=f"{round(limit.seconds, 1):g}")
        if isinstance(error, OSError):
            return self._network(error, stage)
        if isinstance(error, MemoryError):
            return self.fail("memory-short", stage)
        if isinstance(error, imaplib.IMAP4.readonly):
            return self.fail("folder-read-only", "folder", error_message(error))
        if isinstance(error, (imaplib.IMAP4.error, poplib.error_proto)):
            return self._refusal(error, stage)
        return self.fail("server-confused", stage, error_message(error) if isinstance(error, NonsenseError) else "")

    def _network(self, error: OSError, stage: FaultStage) -> MailError:
        if isinstance(error, socket.gaierror):
            return self.fail("host-unknown", stage)
        if isinstance(error, TimeoutError):
            return self._silence(stage)
        if stage == "connect" and not self.connected:
            refused = isinstance(error, ConnectionRefusedError)
            why = system_words(error) or "the network says no more"
            return self.fail("connect-refused" if refused else "connect-failed", stage, why=why)
        if stage == "connect":
            return self.fail("server-unavailable", stage)
        return self.fail(handshake_fault(error) if stage == "tls" else "connection-lost", stage)

    def _silence(self, stage: FaultStage) -> MailError:
        if stage != "connect":
            return self.fail("server-silent", stage)
        if self.connected:
            return self.fail("no-greeting", stage)
        return self.fail("connect-timeout", stage, seconds=f"{CONNECT_SECONDS:g}")

    def _refusal(self, error: Exception, stage: FaultStage) -> MailError:
        """The server said no, said goodbye, or said something else than was asked."""
        said, words = _said(error), error_message(error)
        lost = isinstance(error.args[0] if error.args else "", str) and _LOST.search(said)
        if stage == "connect":
            turned_away = said.startswith(("* BYE", "-ERR"))
            code = "server-unavailable" if lost or turned_away else "not-a-mail-server"
            # What does not speak the protocol is somebody else's: its words are not for whoever entered the address.
            return self.fail(code, stage, words if turned_away and not lost else "")
        if lost:
            return self.fail("connection-lost", stage)
        if _NONSENSE.search(said):
            heard = _HEARD.search(said)
            return self.fail("server-confused", stage, cleaned_text(heard[2]) if heard else "")
        if isinstance(error, imaplib.IMAP4.abort):  # BYE
            return self._refused_login(words, stage) if stage == "login" else self.fail("connection-lost", stage, words)
        if stage == "login" and "command error: BAD" not in said:
            return self._refused_login(words, stage)
        return self._other_refusal(words, stage)

    def _refused_login(self, words: str, stage: FaultStage) -> MailError:
        """A refused login, with when to come again if the server says so."""
        fault = login_fault(words)
        if self.token and fault in (REFUSED, UNCLEAR):
            fault = "token-refused"
        error = self.fail(fault, stage, words)
        error.retry_after = wait_told(words) or (self.login_delay if fault == LIMIT else 0) or None
        return error

    def _other_refusal(self, words: str, stage: FaultStage) -> MailError:
        if self.token and _CLOSED.search(words):
            return self.fail("mailbox-closed", "permission", words)
        return self.fail(REFUSAL_CODES.get(stage, "server-refused"), stage, words)

    def hide(self, words: str) -> str:
        """``words`` of the server without what signs us in."""
        secrets = (self.endpoint.password, self.token)
        if self._masked != secrets:
            self._masked, self._mask = secrets, Mask(secrets)
        return self._mask.hide(words)


# What takes too long, where a step of this stage does.
STEPS: dict[FaultStage, str] = {"read": "reading a batch of mail", "delete": "deleting a batch of mail"}

REFUSAL_CODES: dict[FaultStage, str] = {"folder": "folder-refused", "delete": "delete-refused", "tls": "tls-failed"}


def error_message(error: BaseException) -> str:
    """The server's own words in ``error``, on one line of 300 characters at most."""
    return cleaned_text(_PREFIXES.sub("", _said(error)).removesuffix("']").removesuffix('"]'))


def cleaned_text(words: bytes | str) -> str:
    """``words`` as they may be shown: one line, printable, 300 characters at most."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:300]


def _said(error: BaseException) -> str:
    first = (error.args[0] if error.args else None) or ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)
