"""Where PostMaster may connect to: asked of the very address that is connected to, after its name was looked up."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from postmaster.config.readers import Network
from postmaster.errors import mail_error

SocketAddress = tuple[socket.AddressFamily, Any]

# Prefixes of IPv6 in which an IPv4 address stands, and how far it is from the end, in bits: mapped (RFC 4291), the
# compatible form of old, both of NAT64 (RFC 6052, RFC 8215), and 6to4 (RFC 3056).
_EMBEDDING = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("64:ff9b:1::/48"), 0),
    (IPv6Network("2002::/16"), 80),
)

# Linux takes "any address" of one's own for the loopback address.
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - addresses that are refused


def resolve(host: str, port: int) -> list[SocketAddress]:
    """The addresses of ``host``. Raises socket.gaierror, or ValueError for what has not even the form of a name."""
    found = socket.getaddrinfo(host or ".", port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def check_addresses(host: str, addresses: Iterable[SocketAddress], forbidden: tuple[Network, ...]) -> None:
    """Raise ``address-forbidden`` if one of the addresses of ``host`` is in a forbidden network.

    One is enough: a name that leads there is no mail server's, whatever else it leads to.
    """
    for _, address in addresses:
        for meant in _meant_by(str(address[0])):
            network = next((network for network in forbidden if meant in network), None)
            if network is not None:
                raise mail_error("address-forbidden", host=host, address=address[0], network=network)


def _meant_by(text: str) -> Iterator[IPv4Address | IPv6Address]:
    """The address itself, and the one of IPv4 that it may stand for."""
    address = ip_address(text.partition("%")[0])
    yield address
    if str(address) in _ANY:
        yield ip_address(_ANY[str(address)])
    if isinstance(address, IPv6Address):
        for network, shift in _EMBEDDING:
            if address in network:
                yield from _meant_by(str(IPv4Address(int(address) >> shift & 0xFFFFFFFF)))
