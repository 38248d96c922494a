"""Checking signatures of messages here (RFC 6376), where no server of ours has done it: the setting CheckDKIM.

Only a signature of the domain in From proves a sender, so only such are looked at. DNS may be slow or away: then
nothing is proven, and nothing is refuted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import dkim
import dns.exception
from dkim.util import InvalidTagValueList, parse_tag_value

from postmaster import config
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.arrival import Arrival
from postmaster.pipeline.auth_results import MethodResult
from postmaster.pipeline.verdict import CHECKED_HERE, domain_of, is_aligned, judge
from postmaster.sources.name_records import RecordsAwayError, RecordServer

# Signatures of a message that are checked, and seconds that DNS may take for all of them.
MAX_SIGNATURES = 5
DNS_SECONDS = 5.0

# Messages that are checked side by side: they wait for DNS more than they compute.
AT_A_TIME = 8

# Keys that are kept, for as long as DNS says.
KEPT_KEYS = 1_000

# Time limits that pass in a row until DNS is left alone, and for how many seconds.
TIMEOUTS, REST_SECONDS = 3, 60.0


# The library says on standard error what it thinks of signatures.
_SILENT = logging.getLogger("postmaster.dkim")
_SILENT.disabled = True


class KeyServer:
    """Asks DNS for keys, each once. Used by several threads. ``servers`` are as ``RecordServer`` takes them."""

    def __init__(self, servers: Sequence[tuple[str, int]]) -> None:
        self._dns = RecordServer(servers, KEPT_KEYS)
        self._timeouts = 0
        self._rests_until = 0.0

    def text(self, name: str, seconds: float) -> bytes:
        """The TXT record called ``name``; nothing if there is none. Raises RecordsAwayError after ``seconds``."""
        if seconds <= 0 or time.monotonic() < self._rests_until:
            raise RecordsAwayError
        try:
            answer = self._dns.records(name, "TXT", seconds)
        except RecordsAwayError as error:
            if isinstance(error.__cause__, dns.exception.Timeout):
                self._count_timeout()
            raise
        self._timeouts = 0
        return next((b"".join(record.strings) for record in answer), b"")

    def _count_timeout(self) -> None:
        self._timeouts += 1
        if self._timeouts >= TIMEOUTS:
            self._timeouts, self._rests_until = 0, time.monotonic() + REST_SECONDS


@lru_cache(maxsize=1)
def key_server(servers: tuple[tuple[str, int], ...]) -> KeyServer | None:
    """The one of this process, so that keys are kept from batch to batch. None if the system names no servers."""
    try:
        return KeyServer(servers)
    except dns.exception.DNSException:
        return None


def check_signatures(arrivals: Sequence[Arrival], wanted: Callable[[Arrival], bool]) -> Sequence[Arrival]:
    """``arrivals`` with what was found out about their senders; those that are ``wanted`` and signed are checked."""
    signed = [
        arrival
        for arrival in arrivals
        if arrival.message is not None and "dkim-signature" in arrival.message.header_names and wanted(arrival)
    ]
    if not signed:
        return arrivals
    keys = key_server(config.current().dns_servers)
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="dkim") as pool:
        checked = dict(zip(map(id, signed), pool.map(lambda arrival: _checked(arrival, keys), signed), strict=True))
    return [checked.get(id(arrival), arrival) for arrival in arrivals]


def _checked(arrival: Arrival, keys: KeyServer | None) -> Arrival:
    message = arrival.message
    if message is None or message.from_ is None:
        return arrival
    results = _results(arrival.raw, message, domain_of(message.from_.address), keys)
    return arrival.with_verdict(judge(message, CHECKED_HERE, results)) if results else arrival


def _results(raw: bytes, message: ParsedMessage, domain: str, keys: KeyServer | None) -> list[MethodResult]:
    """What came of the signatures of ``domain``, up to the first that is good."""
    results: list[MethodResult] = []
    ends = time.monotonic() + DNS_SECONDS
    for place, value in enumerate(message.header_values("DKIM-Signature")):
        tags = _tags(value)
        signer = domain_of(tags.get(b"d", b"").decode("ascii", "replace"))
        if not is_aligned(signer, domain):
            continue
        result = _flaw(tags) or _verified(raw, place, keys, ends)
        results.append(MethodResult("dkim", result, {"header.d": signer}))
        if result == "pass" or len(results) == MAX_SIGNATURES:
            break
    return results


def _tags(value: str) -> dict[bytes, bytes]:
    try:
        return dict(parse_tag_value(value.encode()))
    except InvalidTagValueList:
        return {}


def _flaw(tags: dict[bytes, bytes]) -> str:
    """Why a signature proves nothing, be it good or not: RFC 8301, and RFC 6376 sections 5.4 and 8.2."""
    signed = [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]
    return "policy" if b"l" in tags or tags.get(b"a") == b"rsa-sha1" or b"from" not in signed else ""


def _verified(raw: bytes, place: int, keys: KeyServer | None, ends: float) -> str:
    """What came of a signature, in the words of RFC 8601 section 2.7.1."""

    def key_of(name: bytes, timeout: float = 0) -> bytes:
        if keys is None:
            raise RecordsAwayError
        return keys.text(name.decode("ascii"), ends - time.monotonic())

    try:
        return "pass" if dkim.DKIM(raw, logger=_SILENT).verify(idx=place, dnsfunc=key_of) else "fail"
    except RecordsAwayError:
        return "temperror"
    except dkim.ValidationError:
        return "fail"
    except Exception:  # whatever the library makes of bytes that anybody can send, it must not stop the mail
        return "permerror"
