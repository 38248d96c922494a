"""No test talks to anybody but this machine: connections to other addresses are refused before they begin.

Names are looked up only if they are of this machine, or can be of none (RFC 6761 and RFC 2606: ``.invalid``,
``.example``), so that no query leaves it either.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

LOCAL_NAMES = {"", "localhost", socket.gethostname().lower(), None}
NOWHERE = (".invalid", ".example", ".test", "example.com", "example.net", "example.org")

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


class LeftTheLoopbackError(AssertionError):
    """A test tried to reach another machine."""


def guard() -> None:
    """Refuse from now on, in this process."""
    socket.socket.connect = _guarded(_connect)  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = _guarded(_connect_ex)  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = _look_up


def _guarded(function: Any) -> Any:
    def connect(sock: socket.socket, address: Any) -> Any:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise LeftTheLoopbackError(f"A test wants to connect to {address[0]}.")
        return function(sock, address)

    return connect


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOCAL_NAMES


def _look_up(host: Any, *args: Any, **options: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    lowered = name.lower().rstrip(".") if isinstance(name, str) else name
    if lowered in LOCAL_NAMES or _is_address(lowered):
        return _getaddrinfo(host, *args, **options)
    if isinstance(lowered, str) and "." in lowered and all(lowered.split(".")) and not lowered.endswith(NOWHERE):
        raise LeftTheLoopbackError(f"A test looks up {name}.")
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
