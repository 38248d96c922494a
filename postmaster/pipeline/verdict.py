"""Whether a sender is who he says, as our own mail servers have found out (RFC 8601, Authentication-Results).

Anybody can write such a field. So only the servers named in TrustedAuthservIds count, and of all their fields only the
topmost: that one was added last, by the server that handed the message to us. The field is read here, leniently and in
one pass, since what the largest provider writes is none by the standard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from postmaster.extensions import Json
from postmaster.parsing.address_key import domain_key
from postmaster.parsing.message import ParsedMessage

# The methods that are told of, and characters of a field that are read.
METHODS = ("spf", "dkim", "dmarc", "arc")
MAX_FIELD = 20_000

# What TrustedAuthservIds calls a server that leaves its name out, as that of Microsoft 365 does.
UNNAMED = "(unnamed)"

# Pieces of a field: quoted strings are kept, comments are read over.
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*+)"?|([()])|(;)|(\s++)|([^\s";()]++)', re.DOTALL)
_METHOD = re.compile(r"([a-z0-9-]+)(?:/\d+)?=([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z]+\.[a-z0-9_-]+)=(.*)", re.IGNORECASE | re.DOTALL)


class Finding(StrEnum):
    """What was found out about a sender: ``none`` where nothing was, or nothing that decides."""

    PASS = "pass"  # noqa: S105
    NONE = "none"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class SenderVerdict:
    """What the topmost field of ``server`` says of the sender; ``domain`` is that of From.

    The methods have what the server found; ``none`` if it says nothing of one.
    """

    verdict: Finding = Finding.NONE
    domain: str = ""
    server: str = ""
    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    arc: str = "none"

    def as_json(self) -> Json:
        """The form that ``--json`` prints and articles keep."""
        return asdict(self)

    @property
    def is_told(self) -> bool:
        """Whether a trusted server has said anything."""
        return bool(self.server)

    @property
    def summary(self) -> str:
        """What each method found, as ``SPF pass, DKIM fail``."""
        return ", ".join(f"{method.upper()} {getattr(self, method)}" for method in METHODS)


NO_VERDICT = SenderVerdict()


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one method found: its result, and the properties that it looked at, in lower case."""

    method: str
    result: str
    properties: dict[str, str]


def judge_sender(message: ParsedMessage, trusted: tuple[str, ...]) -> SenderVerdict:
    """The verdict on the sender of ``message`` by the servers that are ``trusted``."""
    domain = _domain_of(message.from_.address) if message.from_ else ""
    names = {_server_key(name) for name in trusted}
    for value in message.header_values("Authentication-Results") if names else ():
        server, results = read_results(value)
        if _server_key(server) in names:
            return _verdict(domain, server or UNNAMED, results)
    return SenderVerdict(domain=domain)


def _verdict(domain: str, server: str, results: Sequence[MethodResult]) -> SenderVerdict:
    found = {method: _best(results, method) for method in METHODS}
    finding = _finding(domain, results, found["arc"])
    return SenderVerdict(finding, domain, server, **found)


def _best(results: Sequence[MethodResult], method: str) -> str:
    """What ``method`` found; of several signatures, one that is good."""
    found = [result.result for result in results if result.method == method]
    return "pass" if "pass" in found else (found or ["none"])[0]


def _finding(domain: str, results: Sequence[MethodResult], arc: str) -> Finding:
    """DMARC decides (RFC 7489); where nobody asked for it, a signature or SPF of the same domain does."""
    if not domain:
        return Finding.NONE
    for result in results:
        if result.method == "dmarc" and result.result in ("pass", "fail"):
            if not _is_about(result, domain, "header.from"):
                return Finding.NONE
            if result.result == "pass":
                return Finding.PASS
            # A list changes what it passes on; that the chain of servers is whole excuses it, and proves nobody.
            return Finding.NONE if arc == "pass" else Finding.FAIL
    if any(_proves(result, domain) for result in results):
        return Finding.PASS
    refused = any(r.method == "spf" and r.result in ("fail", "hardfail") and _is_aligned(r, domain) for r in results)
    return Finding.FAIL if refused and arc != "pass" else Finding.NONE


def _proves(result: MethodResult, domain: str) -> bool:
    return result.method in ("dkim", "spf") and result.result == "pass" and _is_aligned(result, domain)


_IDENTITIES = {"dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom", "smtp.mail")}


def _is_aligned(result: MethodResult, domain: str) -> bool:
    """Whether it looked at the domain in From, or one above or below it (RFC 7489 section 3.1)."""
    named = (_domain_of(result.properties.get(name, "")) for name in _IDENTITIES[result.method])
    other = next(filter(None, named), "")
    related = domain == other or domain.endswith(f".{other}") or other.endswith(f".{domain}")
    return "." in other and "." in domain and related


def _is_about(result: MethodResult, domain: str, name: str) -> bool:
    return name not in result.properties or _domain_of(result.properties[name]) == domain


def _domain_of(address: str) -> str:
    return domain_key(address.rpartition("@")[2]) if address else ""


def _server_key(name: str) -> str:
    return name.strip().rstrip(".").lower() or UNNAMED


def read_results(value: str) -> tuple[str, list[MethodResult]]:
    """The name of the server in the value of a field, empty if it has none, and what it found. Never raises."""
    first, *rest = _statements(value[:MAX_FIELD])
    unnamed = bool(first) and _METHOD.fullmatch(first[0]) is not None
    statements = [first, *rest] if unnamed else rest
    return "" if unnamed or not first else first[0], [found for each in statements if (found := _result(each))]


def _result(words: Sequence[str]) -> MethodResult | None:
    match = _METHOD.fullmatch(words[0]) if words else None
    if match is None:
        return None
    pairs = (_PROPERTY.fullmatch(word) for word in words[1:])
    properties: dict[str, str] = {}
    for pair in filter(None, pairs):
        properties.setdefault(pair[1].lower(), pair[2].lower())
    return MethodResult(match[1].lower(), match[2].lower(), properties)


def _statements(value: str) -> Iterator[list[str]]:
    """The words between semicolons. Blanks around an equals sign do not part words, comments are left out."""
    words: list[str] = []
    depth, open_word = 0, False
    for quoted, paren, end, blank, plain in _PIECE.findall(value):
        if paren:
            depth = max(depth + (1 if paren == "(" else -1), 0)
            open_word = open_word and bool(words) and words[-1].endswith("=")
        elif depth:
            continue
        elif end:
            yield words
            words, open_word = [], False
        elif blank:
            open_word = open_word and bool(words) and words[-1].endswith("=")
        elif words and (open_word or plain.startswith("=") or words[-1].endswith("=")):
            words[-1] += plain or quoted
            open_word = True
        else:
            words.append(plain or quoted)
            open_word = True
    yield words
