"""Connecting to the first of several addresses that answers, without waiting for dead ones (RFC 8305)."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import cast

from postmaster.sources.networks import SocketAddress

NEXT_SECONDS = 0.25
"""How long an address is tried before the next one is tried beside it (section 5: 250 ms)."""


def reach(
    addresses: Sequence[SocketAddress], seconds: float, first: SocketAddress | None = None
) -> tuple[socket.socket, SocketAddress]:
    """A connection to one of ``addresses``, which one it is; ``first`` is tried before the others if it is among them.

    Raises the OSError of the last that failed, TimeoutError if none had answered after ``seconds``.
    """
    with _Race(seconds) as race:
        for address in _in_order(addresses, first):
            winner = race.run(address)
            if winner:
                return winner
        return race.finish()


def _in_order(addresses: Sequence[SocketAddress], first: SocketAddress | None) -> list[SocketAddress]:
    """Families take turns, so that one that leads nowhere does not hold up the other (section 4)."""
    leading = addresses[0][0] if addresses else None
    same = [address for address in addresses if address[0] == leading]
    other = [address for address in addresses if address[0] != leading]
    turns = [address for address in chain.from_iterable(zip_longest(same, other)) if address]
    return sorted(turns, key=lambda address: address != first)


class _Race:
    """Attempts that run beside each other. All but the winner's socket are closed at the end."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._selector = selectors.DefaultSelector()
        self._running: dict[socket.socket, SocketAddress] = {}
        self._failure: OSError | None = None

    def __enter__(self) -> _Race:
        return self

    def __exit__(self, *exception: object) -> None:
        for sock in self._running:
            sock.close()
        self._selector.close()

    def run(self, address: SocketAddress) -> tuple[socket.socket, SocketAddress] | None:
        """Start one more attempt, and watch all of them until the next one is due."""
        family, target = address
        sock = socket.socket(family, socket.SOCK_STREAM)
        self._running[sock] = address
        sock.setblocking(False)
        try:
            sock.connect(target)
        except BlockingIOError:
            self._selector.register(sock, selectors.EVENT_WRITE)
        except OSError as error:
            self._lose(sock, error)
            return None
        else:
            return self._won(sock)
        return self._watch(min(NEXT_SECONDS, self._ends - time.monotonic()))

    def finish(self) -> tuple[socket.socket, SocketAddress]:
        """Watch those that are left until the time is up."""
        while self._running:
            winner = self._watch(self._ends - time.monotonic())
            if winner:
                return winner
            if time.monotonic() >= self._ends:
                raise TimeoutError
        raise self._failure or OSError("no address")

    def _watch(self, seconds: float) -> tuple[socket.socket, SocketAddress] | None:
        """The first to get through within ``seconds``; returns early if one failed, for the next to start at once."""
        for key, _ in self._selector.select(max(seconds, 0.0)):
            sock = cast("socket.socket", key.fileobj)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._selector.unregister(sock)
            if not code:
                return self._won(sock)
            self._lose(sock, OSError(code, os.strerror(code)))
        return None

    def _won(self, sock: socket.socket) -> tuple[socket.socket, SocketAddress]:
        return sock, self._running.pop(sock)

    def _lose(self, sock: socket.socket, error: OSError) -> None:
        self._failure = error
        del self._running[sock]
        sock.close()
