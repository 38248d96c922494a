"""The web server as it is deployed: gunicorn with one process."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.ports import free_ports, listening, wait_until
from tests.servers.process import Server

TOP = Path(__file__).parents[2]


def gunicorn(port: int, app: str = "postmaster:create_app()") -> Sequence[str | Path]:
    """The command that serves ``app`` with the settings of a deployment."""
    config = ("--config", TOP / "deploy" / "gunicorn.conf.py", "--chdir", TOP)
    address = ("--bind", f"127.0.0.1:{port}", "--workers", "1")
    return (sys.executable, "-m", "gunicorn", *config, *address, app)


class Web(Server):
    """The web server, beside the app of the test."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self.environ = environ
        self._port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self._port}/api/v1"

    def command(self) -> Sequence[str | Path]:
        return gunicorn(self._port)

    def wait_ready(self) -> None:
        wait_until(lambda: listening(self._port), "the web server")
