"""A DNS server (RFC 1035) over UDP on the loopback."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsServer:
    """``records`` are those of TXT by name, ``others`` those of other kinds by name and kind, as zone files have them.

    What is not there does not exist. ``asked`` are the names that were asked for.

    While ``silent`` it does not answer, while ``failing`` it says that it cannot.
    """

    def __init__(self, records: Mapping[str, bytes], others: Mapping[tuple[str, str], Sequence[str]] = {}) -> None:
        self.records = dict(records)
        self.others = dict(others)
        self.asked: list[str] = []
        self.silent = self.failing = False
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                if answer := owner.answer(data):
                    sock.sendto(answer, self.client_address)

        self._server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
        self._server.max_packet_size = 65_535
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, for POSTMASTER_DNS_SERVERS."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def answer(self, data: bytes) -> bytes:
        """What is sent back."""
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if self.silent:
            return b""
        response: Any = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        found = self._found(name, kind)
        if self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif not found:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            response.answer.append(dns.rrset.from_text(query.question[0].name, 300, "IN", kind, *found))
        wire: bytes = response.to_wire()
        return wire

    def _found(self, name: str, kind: str) -> Sequence[str]:
        if kind != "TXT":
            return self.others.get((name, kind), ())
        text = self.records.get(name)
        if text is None:
            return ()
        return [" ".join(f'"{text[start : start + 200].decode()}"' for start in range(0, len(text), 200))]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
