"""A proxy that makes tunnels (CONNECT, RFC 9110 section 9.3.6) to 127.0.0.1, whatever host is asked for."""

from __future__ import annotations

import socket
import threading

from tests.servers.scripted import Connection, ScriptedServer


class Proxy(ScriptedServer):
    """``asked`` are the hosts and ports that tunnels were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """As HTTPS_PROXY wants it."""
        return f"http://{self.host}:{self.port}"

    def serve(self, connection: Connection) -> None:
        line = connection.line() or b""
        while connection.line():
            pass
        target = line.split()[1].decode()
        self.asked.append(target)
        with socket.create_connection((self.host, int(target.rpartition(":")[2]))) as there:
            connection.send(b"HTTP/1.1 200 go ahead\r\n\r\n")
            back = threading.Thread(target=_pump, args=(there, connection.sock), daemon=True)
            back.start()
            _pump(connection.sock, there)
            back.join(timeout=10)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
