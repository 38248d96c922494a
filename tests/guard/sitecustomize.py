"""No process of the tests talks to anybody but this machine: other connections are refused before they begin.

Names are looked up only if they are of this machine, or can be of none (RFC 6761 and RFC 2606: ``.invalid``,
``.example``), so that no query leaves it either.

The folder of this file is in PYTHONPATH of all processes that tests start, so each Python runs it first; a process that
is started without is refused, too. Python tells an audit hook of each connection before it is made, whoever asks for
it, and no hook can be taken away. What is no Python is told where to listen by ``tests/servers``, and what to look up
by ``tests/browser/site.py``.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ATTEMPTS = "LOOPBACK_ATTEMPTS"
"""The variable that names the file into which each attempt is written: what is raised may be caught by somebody."""

FOLDER = str(Path(__file__).parent)

LOCAL_NAMES = {"", "localhost", socket.gethostname().lower(), None}
NOWHERE = (".invalid", ".example", ".test", "example.com", "example.net", "example.org")


def guard() -> None:
    """Refuse from now on, in this process."""
    sys.addaudithook(_hear)


def variables(python_path: str = "") -> dict[str, str]:
    """What the environment of each process must have; ``python_path`` are other folders to be found there.

    Outside of pytest, as when pictures are taken, nobody is guarded.
    """
    if ATTEMPTS not in os.environ:
        return {"PYTHONPATH": python_path}
    paths = [path for path in python_path.split(os.pathsep) if path and path != FOLDER]
    return {"PYTHONPATH": os.pathsep.join([*paths, FOLDER]), ATTEMPTS: os.environ[ATTEMPTS]}


def attempts() -> list[str]:
    """Who has tried what so far, in all processes."""
    file = Path(os.environ[ATTEMPTS])
    return file.read_text().splitlines() if file.exists() else []


def _hear(event: str, details: tuple[Any, ...]) -> None:
    if event in _HEARD:
        _HEARD[event](*details)


def _connect(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and address and not _is_here(address[0]):
        _refuse(f"connects to {address[0]}")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOCAL_NAMES


def _look_up(host: Any, *_options: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    lowered = name.lower().rstrip(".") if isinstance(name, str) else name
    if lowered in LOCAL_NAMES or _is_address(lowered):
        return
    if "." in lowered and all(lowered.split(".")) and not lowered.endswith(NOWHERE):
        _refuse(f"looks up {name}")
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _start(program: Any, _arguments: Any, _folder: Any, environment: Mapping[Any, Any] | None) -> None:
    known = os.environ if environment is None else environment
    if FOLDER not in str(known.get("PYTHONPATH", "")) or not known.get(ATTEMPTS):
        _refuse(f"starts {program} without what this guard needs in its environment")


def _refuse(what: str) -> None:
    with Path(os.environ[ATTEMPTS]).open("a") as file:
        file.write(f"{what}: {' '.join(sys.argv)}\n")
    raise AssertionError(f"A process of the tests {what}.")


_HEARD: dict[str, Callable[..., None]] = {
    "socket.connect": _connect,
    "socket.sendto": _connect,
    "socket.sendmsg": _connect,
    "socket.getaddrinfo": _look_up,
    "socket.gethostbyname": _look_up,
    "subprocess.Popen": _start,
}

if __name__ == "sitecustomize":
    guard()
