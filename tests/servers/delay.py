"""A proxy that makes a server on this machine one that is some milliseconds away.

It is a process of its own, so that it takes no time from what is measured. What is sent arrives half a round trip
later, in both directions, however much it is; a connection takes a whole one to be there, as TCP's handshake does.

python -m tests.servers.delay 40 20001:143 20002:110
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.ports import free_ports, listening, wait_until
from tests.servers.process import Server

TOP = Path(__file__).parents[2]
PIECE = 1 << 16
UNDER_WAY = 4096
"""Pieces that may be on their way in one direction."""


class DelayProxy(Server):
    """``milliseconds`` for the round trip to each of ``ports``; ``port`` says where the proxy takes its place."""

    def __init__(self, milliseconds: float, ports: Sequence[int]) -> None:
        super().__init__()
        self._milliseconds = milliseconds
        self._ports: Mapping[int, int] = dict(zip(ports, free_ports(len(ports)), strict=True))

    def port(self, behind: int) -> int:
        """The port that leads to ``behind``."""
        return self._ports[behind]

    def command(self) -> Sequence[str | Path]:
        pairs = [f"{here}:{there}" for there, here in self._ports.items()]
        return (sys.executable, "-m", "tests.servers.delay", str(self._milliseconds), *pairs)

    def popen_options(self) -> dict[str, Any]:
        return {"cwd": TOP}

    def wait_ready(self) -> None:
        wait_until(lambda: all(listening(port) for port in self._ports.values()), "the delay proxy")


async def serve(seconds: float, pairs: Sequence[tuple[int, int]]) -> None:
    """Until the process is ended."""
    servers = [await asyncio.start_server(_tunnel(seconds, there), "127.0.0.1", here) for here, there in pairs]
    async with contextlib.AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
        await asyncio.Event().wait()


def _tunnel(seconds: float, there: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        with contextlib.suppress(OSError):
            back, forth = await asyncio.open_connection("127.0.0.1", there)
            await asyncio.gather(_pump(reader, forth, seconds / 2), _pump(back, writer, seconds / 2))

    return tunnel


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
    """What comes from ``source`` goes into ``sink``, so many seconds later."""
    line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(UNDER_WAY)
    sending = asyncio.create_task(_send(line, sink))
    clock = asyncio.get_running_loop().time
    with contextlib.suppress(OSError):
        while data := await source.read(PIECE):
            await line.put((clock() + seconds, data))
    await line.put((clock() + seconds, b""))
    await sending


async def _send(line: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    broken = False
    while True:
        moment, data = await line.get()
        await asyncio.sleep(max(0.0, moment - clock()))
        if not data:
            sink.close()
            return
        if not broken:
            sink.write(data)
            try:
                await sink.drain()
            except OSError:
                broken = True


if __name__ == "__main__":
    milliseconds, *addresses = sys.argv[1:]
    split = [(int(here), int(there)) for here, there in (address.split(":") for address in addresses)]
    asyncio.run(serve(float(milliseconds) / 1000, split))
