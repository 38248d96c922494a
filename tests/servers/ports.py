"""Free ports on the loopback, and waiting for a server on one."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable

# Below the range that the kernel gives to outgoing connections, so that a server finds its port again at a restart.
RANGE = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """``count`` ports that nobody listens on at this moment."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().choice(RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


# How many times as long things may take on a machine that has much else to do than on one that has not.
FULL = 3


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Return as soon as ``condition()`` holds. Raises TimeoutError naming ``what`` after ``FULL * seconds``.

    To look takes a quarter of the time at most, and less the longer it lasts, and so leaves the processor to those that
    are waited for: what comes is seen when a tenth more of the time has passed, or a second.
    """
    start = time.monotonic()
    while True:
        began = time.monotonic()
        if condition():
            return
        looked = time.monotonic()
        if looked > start + seconds * FULL:
            raise TimeoutError(f"waited {looked - start:.0f} s for {what}")
        pause = max(0.01, 3 * (looked - began), (looked - start) / 10)
        time.sleep(min(pause, 1.0))


def listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0
