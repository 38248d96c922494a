"""The field Authentication-Results (RFC 8601): which of a message's fields count, and what stands in one.

A field is read leniently and in one pass, since what the largest provider writes is none by the standard. Anybody can
write such a field, so it counts by its place: see ``told_by``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from postmaster.parsing.address_key import domain_key
from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.repeated import repeated

# Characters of a field that are read.
MAX_FIELD = 20_000

# What TrustedAuthservIds calls a server that leaves its name out, as that of Microsoft 365 does.
UNNAMED = "(unnamed)"

NAME = "authentication-results"

# Pieces of a field: quoted strings are kept, comments are set aside.
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*+)"?|([()])|(;)|(\s++)|([^\s";()]++)', re.DOTALL)
_METHOD = re.compile(r"[a-z0-9-]+(?:/\d+)?=[a-z]+", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z]+(?:\.[a-z0-9_-]+)?)=(.*)", re.IGNORECASE | re.DOTALL)
_REMARK = re.compile(r"([a-z.]+)=([a-z]+)", re.IGNORECASE)

# The host that wrote a Received field, and whether it took the message for delivery on the spot (RFC 2033).
_COMMENTS = repeated(r"\s+\([^()]*\)")
_BY = re.compile(rf"(?:^|\s)by\s+([^\s;()]+){_COMMENTS}(\s+with\s+lmtp)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one method found: its result, and the properties that it looked at, in lower case.

    ``remarks`` are words of the comments of DMARC such as ``p=none``.
    """

    method: str
    result: str
    properties: Mapping[str, str]
    remarks: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Statement:
    """What stands between two semicolons."""

    words: list[str] = field(default_factory=list)
    comment: list[str] = field(default_factory=list)


class TrustedServers:
    """Servers by the names that they sign with; ``*.example.com`` stands for all below example.com."""

    def __init__(self, names: Iterable[str]) -> None:
        keys = {server_key(name) for name in names}
        self.keys = frozenset(key.removeprefix("*.") for key in keys)
        self._whole = frozenset(key for key in keys if not key.startswith("*."))
        self._ends = tuple(key[1:] for key in keys if key.startswith("*."))

    def __contains__(self, name: str) -> bool:
        """Whether the server that signs as ``name`` is one of them."""
        key = server_key(name)
        return key in self._whole or key.endswith(self._ends)


@lru_cache(maxsize=256)
def trusted_servers(names: tuple[str, ...]) -> TrustedServers:
    """Those of an account, or of all: the same for all mail of a batch."""
    return TrustedServers(names)


def told_by(message: ParsedMessage, servers: TrustedServers) -> tuple[str, list[MethodResult]]:
    """The topmost of ``servers`` in ``message``, and what it found; no name if there is none.

    Fields are read from the top, where the last server wrote, down to the first Received field of another site:
    what is below may be of the sender. Programs of one host, such as OpenDKIM and OpenDMARC, write a field each, so
    those of the same server that stand together count as one, and the upper one has the last word. They do as long as
    no server has received the message above them: it would have written its own field there, and what is beneath it
    may have come with the message.
    """
    server, key, found = "", "", list[MethodResult]()
    path = _Path(servers.keys)
    for name, value in message.headers:
        if name.lower() == "received":
            if key or not path.goes_on(value):
                break
        elif name.lower() == NAME and (read := read_results(value)):
            if not key and read[0] in servers:
                server, key, found = read[0] or UNNAMED, server_key(read[0]), read[1]
            elif key and server_key(read[0]) == key and not path.received:
                told = {result.method for result in found}
                found = [*found, *(result for result in read[1] if result.method not in told)]
    return server, found


def topmost_server(message: ParsedMessage) -> str | None:
    """Who wrote the topmost field, whether or not it is trusted; None if there is none where our servers write."""
    path = _Path(())
    for name, value in message.headers:
        if name.lower() == NAME:
            return read_results(value)[0] or UNNAMED
        if name.lower() == "received" and not path.goes_on(value):
            return None
    return None


class _Path:
    """The way of a message, from its end: as far as it leads through hosts of the site that has it now.

    ``received``: one of them has taken it, other than for delivery on the spot.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.received = False
        self._sites = {_site(name) for name in names}
        self._first = True

    def goes_on(self, received: str) -> bool:
        """Whether the site itself wrote this Received field: the first one always, others by their host."""
        by = _BY.search(received)
        host = by[1].lower().strip("[].") if by else ""
        self.received = self.received or not (by and by[2])
        if self._first:
            self._first = False
            self._sites.add(_site(host))
            return True
        return "." not in host or host.replace(".", "").isdigit() or _site(host) in self._sites


def _site(host: str) -> str:
    """What the hosts of one site have in common, roughly: the last two labels."""
    return ".".join(host.split(".")[-2:])


def server_key(name: str) -> str:
    """The name of a server as it is compared: without case, a dot behind it, and in one form of its domain."""
    bare = name.strip().rstrip(".").lower()
    return (domain_key(bare) if "xn--" in bare or not bare.isascii() else bare) or UNNAMED


def read_results(value: str) -> tuple[str, list[MethodResult]]:
    """The name of the server in the value of a field, empty if it has none, and what it found. Never raises."""
    first, *rest = _statements(value[:MAX_FIELD])
    unnamed = bool(first.words) and _METHOD.fullmatch(first.words[0]) is not None
    server = "" if unnamed or not first.words else first.words[0]
    return server, list(_results([first, *rest] if unnamed else rest))


def _results(statements: Iterable[_Statement]) -> Iterator[MethodResult]:
    """What each method found. Some servers put a semicolon before the properties as well."""
    open_: _Statement | None = None
    for statement in statements:
        if not statement.words:
            continue
        if _METHOD.fullmatch(statement.words[0]):
            if open_ is not None:
                yield _result(open_)
            open_ = statement
        elif open_ is not None and _PROPERTY.fullmatch(statement.words[0]):
            open_.words += statement.words
    if open_ is not None:
        yield _result(open_)


def _result(statement: _Statement) -> MethodResult:
    method, _, result = statement.words[0].lower().partition("=")
    properties = _pairs(_PROPERTY, statement.words[1:])
    if method != "dmarc":  # the remarks of others say nothing that counts, and most mail has long ones
        return MethodResult(method.partition("/")[0], result, properties)
    remarks = _pairs(_REMARK, [pair[0] for word in statement.comment for pair in _REMARK.finditer(word)])
    return MethodResult(method, result, properties, remarks)


def _pairs(pattern: re.Pattern[str], words: Sequence[str]) -> dict[str, str]:
    """What stands before and behind equals signs; of two with one name, the first counts."""
    found: dict[str, str] = {}
    for pair in filter(None, map(pattern.fullmatch, words)):
        found.setdefault(pair[1].lower(), pair[2].lower())
    return found


def _statements(value: str) -> Iterator[_Statement]:
    """The statements of a field. Blanks around an equals sign do not part words."""
    statement = _Statement()
    depth, open_word = 0, False
    for quoted, paren, end, blank, plain in _PIECE.findall(value):
        words = statement.words
        if paren:
            depth = max(depth + (1 if paren == "(" else -1), 0)
            open_word = open_word and bool(words) and words[-1].endswith("=")
        elif depth:
            statement.comment += [plain] if plain else []
        elif end:
            yield statement
            statement, open_word = _Statement(), False
        elif blank:
            open_word = open_word and bool(words) and words[-1].endswith("=")
        elif words and (open_word or plain.startswith("=") or words[-1].endswith("=")):
            words[-1] += plain or quoted
            open_word = True
        else:
            words.append(plain or quoted)
            open_word = True
    yield statement
