"""IMAPClient on a connection of our own, up to the point where the server has signed us in."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from postmaster.sources.connection import Opening
from postmaster.sources.imap_answers import FetchItem, by_uid, merge, read_answers, read_texts
from postmaster.sources.imap_lines import ALLOWANCE, Command, ConnectedClient
from postmaster.sources.imap_names import ListedFolder, encode_name, is_writable, quoted, read_folders
from postmaster.sources.oauth import MECHANISMS, TokenExchange, choose_mechanism, read_challenge
from postmaster.sources.tls import TlsGuard
from postmaster.sources.wire import ErrorTranslator, NonsenseError, cleaned_text, error_message

PIPELINE_SECONDS = 20.0
"""How long a server may take for the next bytes while it has two commands; then it is asked for one after the other."""

AHEAD_SECONDS = 5.0
"""How long it may take to open a folder that it was asked for before it had let us in. Some never read that."""

IDENTITY = ("ID", '("name" "PostMaster")')

LINE = 900
"""Characters of a set of numbers in a command: servers need not take lines over 1,000 octets (RFC 2683, 3.2.1.5)."""


class _Sasl:
    """Answers challenges. imaplib takes a bound method for one that does."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer

    def respond(self, challenge: bytes | None) -> bytes:
        """The line to send; ``challenge`` is what came behind the "+"."""
        return base64.b64encode(self._answer(read_challenge(challenge or b"")))


class ImapClient:
    """One IMAP connection. ``raw`` is IMAPClient's own object; call it inside ``wire.stage(…)`` only."""

    def __init__(self, wire: ErrorTranslator, sock: socket.socket) -> None:
        self.wire = wire
        self.hurried = False
        self._introduces = False
        self._introduction: bytes | None = None
        with wire.stage("connect"):
            self.raw: Any = ConnectedClient(wire.endpoint.host, sock, wire.dialogue)
            wire.uses(self.raw.socket)
            if self._imap.state != "NONAUTH":
                # Signed in before it knows who we are, so in whose mailbox? It would also rule out STARTTLS.
                raise NonsenseError("PREAUTH")

    @property
    def _imap(self) -> Any:
        return self.raw._imap

    @property
    def offered(self) -> str:
        """The ways to sign in that the server names."""
        names = (str(name) for name in self._imap.capabilities)
        return ", ".join(name for name in names if name.startswith("AUTH="))

    def allow(self, size: int = 0) -> None:
        """Get ready for the next command, whose answer has ``size`` bytes of message texts and the usual rest.

        What the server told about the folder before is dropped; imaplib would collect it without end.
        """
        self._imap.allowance = ALLOWANCE + 2 * size
        for kind in ("EXISTS", "EXPUNGE", "FETCH", "RECENT"):
            self._imap.untagged_responses.pop(kind, None)

    def expunged(self) -> bool:
        """Whether a message went since ``allow``, so that numbers told since then may mean other messages now."""
        return bool(self._imap.untagged_responses.get("EXPUNGE"))

    def fetch_listing(self, numbers: str, items: str) -> dict[int, FetchItem]:
        """What FETCH says of the messages with these numbers. Raises imaplib's error if the server refuses."""
        return merge(read_answers(_accepted("FETCH", *self._imap.fetch(numbers, items))))

    def fetch_texts(self, uids: Sequence[int], item: str) -> dict[int, FetchItem]:
        """``BODY.PEEK[]``, or a part of it, of the messages with these UIDs. Raises likewise.

        ``uids`` fit one command. Call ``allow`` before.
        """
        lines = self._uid_fetch(uids, item)
        found = read_texts(lines)
        if found is None:
            answers = list(read_answers(lines))
            items = [told for _, told in answers] if self.expunged() else list(merge(answers).values())
            nameless = any(b"UID" not in told and any(key.startswith(b"BODY[]") for key in told) for told in items)
            found = self._fetch_by_number(uids, item) if nameless else by_uid(items)
        return {uid: found[uid] for uid in uids if uid in found}

    def _fetch_by_number(self, uids: Sequence[int], item: str) -> dict[int, FetchItem]:
        """The texts from a server that does not name their UIDs: tied by the numbers that it tells just before."""
        self._imap.allowance *= 2
        numbers = list(read_answers(self._uid_fetch(uids, "UID")))
        texts = list(read_answers(self._uid_fetch(uids, item)))
        return {} if self.expunged() else by_uid(merge([*numbers, *texts]).values())

    def fetch_uids(self, uids: Sequence[int]) -> set[int]:
        """Those of ``uids`` that the server tells of now, all of them if it refuses to tell."""
        there: set[int] = set()
        for window in command_sets(uids):
            self.allow()
            try:
                answers = list(read_answers(self._uid_fetch(window, "UID")))
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                return set(uids)
            there.update(told[b"UID"] for _, told in answers if b"UID" in told)
        return there.intersection(uids)

    def _uid_fetch(self, uids: Sequence[int], item: str) -> Sequence[Any]:
        return _accepted("FETCH", *self._imap.uid("FETCH", joined(uids), f"({item})"))

    def can(self, capability: str) -> bool:
        """Whether the server says so at this moment."""
        if self._imap.state == "NONAUTH":
            return capability in self._imap.capabilities
        return bool(self.raw.has_capability(capability))

    def start_tls(self, guard: TlsGuard) -> None:
        """Encrypt the connection, or raise MailError: there is no way on without."""
        with self.wire.stage("tls"):
            if not self.can("STARTTLS"):
                raise self.wire.fail("starttls-missing", "tls")
            self.raw.starttls(guard)

    def sign_in(self, opening: Opening | None = None) -> None:
        """Sign in, then say who we are to servers that open no folder otherwise (RFC 2971).

        Nobody waits for what they answer: it comes before the answer to the next command, and says nothing.
        """
        self._authenticate(opening)
        with self.wire.stage("login"):
            if not self._imap.is_ahead:
                self._introduces = self.can("ID")
            if self._introduces:
                self._introduction = self._imap._command(*IDENTITY)
                if not self.wire.habits.pipelines:
                    self.settle()

    @property
    def patience(self) -> float | None:
        """Seconds to wait for the folder if the server has several commands by now; None if it has none."""
        if self._imap.is_ahead:
            return AHEAD_SECONDS
        return None if self._introduction is None else PIPELINE_SECONDS

    def settle(self) -> None:
        """Wait for the answer to the introduction, if nobody did."""
        tag, self._introduction = self._introduction, None
        if tag is not None:
            with contextlib.suppress(imaplib.IMAP4.error):
                self._imap._command_complete("ID", tag)

    def _authenticate(self, opening: Opening | None) -> None:
        """Send user name and password: LOGIN where that can carry them, else AUTHENTICATE PLAIN (RFC 4616)."""
        endpoint = self.wire.endpoint
        if endpoint.tokens is not None:
            self._sign_in_with_token()
            return
        with self.wire.stage("login"):
            simple = endpoint.login.isascii() and endpoint.password.isascii()
            if self.can("AUTH=PLAIN") and (not simple or self.can("LOGINDISABLED")):
                secret = f"\0{endpoint.login}\0{endpoint.password}".encode()
                self._authenticate_by("PLAIN", lambda _: secret)
            elif self.can("LOGINDISABLED"):
                raise self.wire.fail("login-disabled", "login")
            else:
                # Characters outside ASCII go as UTF-8, which servers in use take.
                self._login(quoted(endpoint.login.encode()), quoted(endpoint.password.encode()), opening)

    def _sign_in_with_token(self) -> None:
        """AUTHENTICATE with the access token; what the server holds against it comes as a challenge before its NO."""
        with self.wire.stage("login"):
            mechanism = choose_mechanism(self.can(f"AUTH={name}") for name in MECHANISMS)
            if mechanism is None:
                raise self.wire.fail("oauth-not-offered", "login")
            exchange = TokenExchange(mechanism, self.wire.endpoint, self.wire.token)
            try:
                self._authenticate_by(mechanism, exchange.answer)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as error:
                if "command error: BAD" in str(error):
                    raise
                raise imaplib.IMAP4.error(f"NO {exchange.with_complaint(error_message(error))}") from None

    def _authenticate_by(self, mechanism: str, answer: Callable[[bytes], bytes]) -> None:
        """AUTHENTICATE (section 6.2.2); ``answer`` is what to send for each challenge, be it base64 or plain text."""
        self._imap.literal = _Sasl(answer).respond
        _accepted("AUTHENTICATE", *self._imap._simple_command("AUTHENTICATE", mechanism))
        self._imap.state = "AUTH"

    def _login(self, login: bytes, password: bytes, opening: Opening | None) -> None:
        command = ("LOGIN", login, password)
        if opening is not None:
            self._send_with_opening(command, opening)
        with self.wire.patience(PIPELINE_SECONDS) if self.hurried else contextlib.nullcontext():
            kind, words = self._imap._simple_command(*command)
        self.hurried = False
        if kind != "OK":
            raise imaplib.IMAP4.error(f"NO {cleaned_text(words[-1] or b'')}")
        self._imap.state = "AUTH"
        if "CAPABILITY" in self._imap.untagged_responses:
            self.raw.capabilities()  # keeps them; opening a folder would forget them

    def _send_with_opening(self, login: Command, opening: Opening) -> None:
        """Ask for the folder together with the login (RFC 3501 section 5.5): that saves a round trip.

        Only where a folder was opened step by step before, so that it is known whether the server wants ID first.
        """
        habits, folder = self.wire.habits, self.wire.endpoint.folder or "INBOX"
        if not habits.pipelines or habits.introduces is None or not is_writable(folder):
            return
        self.hurried, self._introduces = True, habits.introduces
        introduction = [IDENTITY] if self._introduces else []
        self._imap.send_ahead([login, *introduction, (opening.value, quoted(encode_name(folder)))])

    def try_mailbox(self) -> None:
        """Ask for something harmless, which a server that took a token for a mailbox it keeps shut does not answer."""
        self.settle()
        _accepted("LIST", *self._imap._simple_command("LIST", '""', '""'))

    def list_folders(self) -> list[ListedFolder]:
        """All folders of the mailbox. Raises imaplib's error if the server refuses."""
        self.settle()
        kind, words = self._imap._simple_command("LIST", '""', '"*"')
        _accepted("LIST", kind, words)
        return list(read_folders(self._imap.untagged_responses.pop("LIST", [])))

    def select(self, name: bytes, *, read_only: bool) -> dict[bytes, Any]:
        """Open the folder that the server calls ``name``; returns what it tells about it. Raises likewise.

        One that was asked for ahead and is refused is asked for once more: the server had perhaps not let us in by
        then (Mailu/Mailu#2938), nor had it read who we are.
        """
        ahead = self._imap.is_ahead
        try:
            _accepted("SELECT", *self._imap.select(quoted(name), read_only))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            if not ahead:
                raise
            self._introduces = self.can("ID")
            if self._introduces:
                self._introduction = self._imap._command(*IDENTITY)
                self.settle()
            return self.select(name, read_only=read_only)
        self.wire.habits.introduces = self._introduces
        told: dict[bytes, Any] = self.raw._process_select_response(self._imap.untagged_responses)
        return told

    def rights(self, name: bytes) -> frozenset[str]:
        """What we may do in a folder, as letters of RFC 4314 section 4; the server must have ACL."""
        lines = _accepted("MYRIGHTS", *self._imap.myrights(quoted(name)))
        return frozenset((lines[-1] if lines else b"").decode(errors="replace").rpartition(" ")[2].strip('"'))

    def shutdown(self) -> None:
        """Drop the connection."""
        with contextlib.suppress(OSError, AttributeError):
            self.raw.shutdown()


def joined(numbers: Sequence[int]) -> str:
    """A set of ascending numbers (RFC 3501, sequence-set), neighbours as a range."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(f"{first}:{last}" if first != last else str(first) for first, last in spans)


def command_sets(numbers: Sequence[int], most: int = 500) -> Iterator[Sequence[int]]:
    """``numbers`` in portions that one command can name: ``most`` at a time, within ``LINE`` characters."""
    start = 0
    while start < len(numbers):
        size = most
        while len(joined(numbers[start : start + size])) > LINE:
            size = size * 2 // 3
        yield numbers[start : start + size]
        start += size


def _accepted(command: str, kind: str, answer: Sequence[Any]) -> Sequence[Any]:
    """The answer to a command, without the None that stands for nothing. Raises imaplib's error for a refusal."""
    if kind != "OK":
        raise imaplib.IMAP4.error(f"{command} failed: {cleaned_text(answer[-1] or b'')}")
    return [] if answer == [None] else answer
