"""How many events a minute go through one outlet, and what ten outlets that are all down cost ``flask fetch``."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean

from rich.console import Console

from bench.contenders import USER, DurablePostgres, FlaskFetch
from bench.mailbag import realistic_mail
from tests.servers.dovecot import Dovecot
from tests.servers.ports import free_ports, wait_until
from tests.servers.process import shell_environment
from tests.servers.receiver import EventReceiver

# What is asked for: events a minute at least, and the share of intake that outlets that are down may cost.
LEAST, MOST = 10_000, 0.05

# The process of the worker that hands events over, and nothing else of it.
PROCESS = "from postmaster import create_app; from postmaster.jobs.roles import run_outlets; run_outlets(create_app())"

DOWN = 10


def main() -> int:
    """Measure and print. Returns 1 if either is not as it has to be."""
    parser = argparse.ArgumentParser(prog="bench/outlet", description=(__doc__ or "").replace("``", ""))
    parser.add_argument("--messages", type=int, default=5000, help="whose events are handed over (default: 5000)")
    parser.add_argument("--fetched", type=int, default=1000, help="messages of a round of intake (default: 1000)")
    parser.add_argument("--rounds", type=int, default=6, help="of intake, with and without outlets (default: 6)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="leave the other database out")
    arguments = parser.parse_args()
    console = Console()
    console.print(f"{os.cpu_count()} cores")
    well = True
    with tempfile.TemporaryDirectory(prefix="postmaster-bench-") as folder, ExitStack() as stack:
        server = stack.enter_context(Dovecot())
        server.add_user(USER)
        postgres = stack.enter_context(DurablePostgres()) if arguments.only != "sqlite" else None
        for name in ("sqlite", "postgresql"):
            if arguments.only in (None, name):
                desk = Bench(name, server, Path(folder), postgres if name == "postgresql" else None)
                well &= desk.handing_over(arguments.messages, console)
                well &= desk.intake(arguments.fetched, arguments.rounds, console)
    return int(not well)


class Bench:
    """The app on one kind of database."""

    def __init__(self, name: str, server: Dovecot, folder: Path, postgres: DurablePostgres | None) -> None:
        self.name = name
        self._server = server
        self._folder = folder
        self._postgres = postgres

    def new_desk(self, label: str) -> tuple[FlaskFetch, dict[str, str]]:
        """An empty app with an account, and its environment."""
        data_dir = self._folder / f"{self.name}-{label}"
        url = self._postgres.create_database() if self._postgres else ""
        environ = shell_environment(
            POSTMASTER_DATA_DIR=str(data_dir),
            POSTMASTER_DATABASE_URL=url,
            FLASK_APP="postmaster",
            FLASK_SKIP_DOTENV="1",
        )
        return FlaskFetch(label, self._server, data_dir, url), environ

    def handing_over(self, count: int, console: Console) -> bool:
        """Events of ``count`` messages through one outlet, from the start of the process on."""
        fetch, environ = self.new_desk("handing-over")
        self._server.deliver_many(USER, list(realistic_mail(count)))
        fetch.empty_mailbox()
        with EventReceiver() as receiver:
            flask(environ, "outlet", "add", "--name", "bench", "--url", receiver.url)
            events = int(flask(environ, "outlet", "replay", "bench", "--since", "2020-01-01").split()[0])
            started = time.perf_counter()
            with handing_over(environ):
                wait_until(lambda: len(receiver.taken) >= events, "all events", 600)
            seconds = time.perf_counter() - started
            doubled = len(receiver.taken) - len({call.key for call in receiver.taken})
        per_minute = events / seconds * 60
        console.print(f"{self.name}: {events:,} events in {seconds:.1f} s: {per_minute:,.0f} a minute, {doubled} twice")
        return per_minute >= LEAST

    def intake(self, count: int, rounds: int, console: Console) -> bool:
        """The same mail in turns with and without outlets, each time with the process that hands over.

        Whoever comes second finds the mail server warm, so each comes second as often as the other. A round before is
        not counted: the processes that hand over are starting meanwhile, which takes a core each.
        """
        without, with_ = self.new_desk("without"), self.new_desk("with")
        with ExitStack() as stack:
            for number, url in enumerate(stack.enter_context(receivers_that_are_down())):
                flask(with_[1], "outlet", "add", "--name", f"down {number}", "--url", url)
            for _, environ in (without, with_):
                stack.enter_context(handing_over(environ))
            laps: dict[str, list[float]] = {"without": [], "with": []}
            for number in range(-1, rounds + rounds % 2):
                mail = list(realistic_mail(count, seed=number + 1))
                pair = (("without", without), ("with", with_))
                for label, (fetch, _) in pair if number % 2 else reversed(pair):
                    self._server.deliver_many(USER, mail)
                    seconds = fetch.empty_mailbox().seconds
                    if number >= 0:
                        laps[label].append(seconds)
        rates = {label: count / mean(seconds) for label, seconds in laps.items()}
        ratio = rates["with"] / rates["without"]
        console.print(
            f"{self.name}: intake {rates['without']:,.0f} messages/s without outlets, {rates['with']:,.0f} with {DOWN} "
            f"that are down: ratio {ratio:.3f}"
        )
        return ratio >= 1 - MOST


def flask(environ: Mapping[str, str], *words: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "flask", *words]
    return subprocess.run(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    ).stdout


@contextmanager
def handing_over(environ: Mapping[str, str]) -> Iterator[None]:
    """The process that hands over, until the block ends."""
    with subprocess.Popen([sys.executable, "-c", PROCESS], env=environ) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def receivers_that_are_down() -> Iterator[list[str]]:
    """Addresses at which nobody listens, and others that take a connection and say nothing."""
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(DOWN // 2)]
        ports = [sock.getsockname()[1] for sock in silent] + free_ports(DOWN - len(silent))
        yield [f"http://127.0.0.1:{port}/" for port in ports]


if __name__ == "__main__":
    sys.exit(main())
