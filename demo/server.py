"""The local sample mail server: plain IMAP on a loopback port; it forgets its mail when it ends."""

from __future__ import annotations

import asyncio
import dataclasses
import imaplib
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from contextlib import AsyncExitStack

from pymap.backend.dict import DictBackend
from pymap.imap import IMAPService
from pymap.user import Passwords, UserMetadata

from bin.launcher.services import StartError
from demo.samples import FIRST, PLAN

HOST = "127.0.0.1"

# It protects made-up mail on this machine only.
PASSWORD = "sample-mail"  # noqa: S105

# Seconds within which the server must answer.
PATIENCE = 20


async def serve(port: int) -> None:
    """Serve the mailboxes of ``PLAN``, empty, until SIGTERM."""
    parser = ArgumentParser()
    DictBackend.add_subparser("dict", parser.add_subparsers())
    IMAPService.add_arguments(parser)
    parser.set_defaults(debug=False, passlib_cfg=None)
    options = parser.parse_args(["--host", HOST, "--port", str(port), "--no-tls", "dict"])
    backend, config = await DictBackend.init(options)
    config.apply_context()
    hashed = await Passwords(config).hash_password(PASSWORD)
    for name in PLAN:
        user = UserMetadata(config, name, password=hashed)
        backend.login.users_dict[name] = dataclasses.replace(user, entity_tag=UserMetadata.new_entity_tag())
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with AsyncExitStack() as stack:
        await backend.start(stack)
        await IMAPService(backend, config).start(stack)
        await ended.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def open_mailbox(port: int, mailbox: str) -> imaplib.IMAP4:
    """A connection that has signed in to ``mailbox``; waits until the server answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = imaplib.IMAP4(HOST, port, timeout=PATIENCE)
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # 40 ms less per message put in
    connection.login(mailbox, PASSWORD)
    return connection


def put_in(port: int, mailbox: str, messages: Iterable[bytes]) -> None:
    """Put ``messages`` into ``mailbox``, in their order. Raises StartError if the server takes one not."""
    connection = open_mailbox(port, mailbox)
    date = f'"{FIRST:%d-%b-%Y %H:%M:%S} +0000"'
    for raw in messages:
        answer, words = connection.append("INBOX", "", date, raw)
        if answer != "OK":
            raise StartError(f"The sample mail server did not take a message: {words!r}")
    connection.logout()


def count(port: int, mailbox: str) -> int:
    """How many messages are in ``mailbox``."""
    connection = open_mailbox(port, mailbox)
    _, (answer,) = connection.select("INBOX", readonly=True)
    connection.logout()
    return int(answer or b"0")


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
