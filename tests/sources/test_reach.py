"""Addresses that lead nowhere cost a quarter of a second, not fifteen (RFC 8305), and the good one is remembered."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from postmaster.sources import dial
from postmaster.sources.networks import SocketAddress
from postmaster.sources.reach import reach
from tests.servers.pop3 import Pop3Server
from tests.servers.ports import free_ports
from tests.sources.support import at_script, opened


@pytest.fixture
def dead() -> Iterator[SocketAddress]:
    """An address that does not answer: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as filler:
        filler.connect(listener.getsockname())
        yield socket.AF_INET, listener.getsockname()


def at(server: Pop3Server) -> SocketAddress:
    return socket.AF_INET, (server.host, server.port)


def test_four_dead_addresses_cost_a_second(dead: SocketAddress) -> None:
    with Pop3Server() as server:
        started = time.monotonic()
        sock, address = reach([dead] * 4 + [at(server)], 15)
        sock.close()
        assert address == at(server)
        assert time.monotonic() - started < 15, "one of them has cost all of its time"


def test_addresses_that_refuse_cost_nothing_and_the_last_refusal_is_told() -> None:
    closed = [(socket.AF_INET, ("127.0.0.1", port)) for port in free_ports(3)]
    with pytest.raises(ConnectionRefusedError):
        reach(closed, 15)


def test_addresses_that_never_answer_end_in_time(dead: SocketAddress) -> None:
    with pytest.raises(TimeoutError):
        reach([dead, dead], 0.4)


def test_the_address_that_answered_is_tried_first_from_then_on(
    dead: SocketAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[SocketAddress | None] = []

    def reaching(
        addresses: list[SocketAddress], seconds: float, first: SocketAddress | None
    ) -> tuple[socket.socket, SocketAddress]:
        tried.append(first)
        return reach(addresses, seconds, first)

    with Pop3Server() as server:
        monkeypatch.setattr(dial, "resolve", lambda _host, _port: [dead, dead, at(server)])
        monkeypatch.setattr(dial, "reach", reaching)
        for _ in range(3):
            opened(at_script(server, "POP3")).close()
        assert tried[1:] == [at(server)] * 2  # the first one may have been at this port before, for another test
