"""What DNS says of a name beside its addresses: TXT, MX, SRV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dns.exception
import dns.nameserver
import dns.resolver


class RecordsAwayError(Exception):
    """DNS has not answered, or not in time."""


class RecordServer:
    """Asks DNS, each name once for as long as its answer is good. Used by several threads.

    ``servers`` are addresses with ports; without any, those of the system are asked. Raises dns.exception.DNSException
    if the system names none.
    """

    def __init__(self, servers: Sequence[tuple[str, int]], kept: int) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in servers]
        self._resolver.cache = dns.resolver.LRUCache(kept)

    def records(self, name: str, kind: str, seconds: float) -> list[Any]:
        """The records of that kind; none if there are none.

        Raises RecordsAwayError, with a dns.exception.Timeout as its cause if ``seconds`` have passed.
        """
        try:
            return list(self._resolver.resolve(name, kind, lifetime=seconds, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise RecordsAwayError from error
