"""The web server as it is deployed, which is gunicorn."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.servers.flask_process import FlaskProcesses
from tests.servers.ports import free_ports, listening, wait_until
from tests.servers.process import Process, Server

TOP = Path(__file__).parents[2]


class WebServer(Server):
    """The web server with the settings of a deployment, and one process. With ``processes`` it is forked there."""

    factory = "postmaster:create_app()"
    """What makes the app."""

    def __init__(self, environ: Mapping[str, str], processes: FlaskProcesses | None = None) -> None:
        super().__init__()
        self.environ, self._processes = environ, processes
        self.port = free_ports(1)[0]

    def words(self) -> Sequence[str]:
        """What gunicorn is told."""
        config = ("--config", str(TOP / "deploy" / "gunicorn.conf.py"), "--chdir", str(TOP))
        return (*config, "--bind", f"127.0.0.1:{self.port}", "--workers", "1", self.factory)

    def command(self) -> Sequence[str | Path]:
        return (sys.executable, "-m", "gunicorn", *self.words())

    def launch(self, output: IO[bytes]) -> Process:
        if self._processes is None:
            return super().launch(output)
        environ, streams = {**os.environ, **self.environ}, {"stdout": output, "stderr": output}
        return self._processes.begin(environ, *self.words(), module="gunicorn", new_session=True, **streams)

    def wait_ready(self) -> None:
        wait_until(lambda: listening(self.port), "the web server")


class Web(WebServer):
    """The web server, beside the app of the test."""

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}/api/v1"
