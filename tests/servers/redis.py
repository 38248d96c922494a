"""A private Redis on a unix socket."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from tests.servers.ports import wait_until
from tests.servers.process import Server


class Redis(Server):
    """``url`` is what POSTMASTER_REDIS_URL takes. Nothing is kept when it stops."""

    @property
    def socket_file(self) -> Path:
        """The unix socket it listens on."""
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        """The address of database 0."""
        return f"unix://{self.socket_file}"

    def command(self) -> Sequence[str | Path]:
        options = ("--port", "0", "--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--dir", self.folder)
        return ("redis-server", "--unixsocket", self.socket_file, *options)

    def wait_ready(self) -> None:
        wait_until(self._answers, "redis-server")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            if probe.connect_ex(str(self.socket_file)):
                return False
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
