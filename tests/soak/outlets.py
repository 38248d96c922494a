"""kill -9 of the worker and of the receiver at random moments: ``python -m tests.soak.outlets [KILLS] [MAILS] [SEED]``.

While mail comes in by ``flask read``, the worker that hands its events over and the receiver are killed again and
again, while something is being sent. Then it is counted: the receiver, which keeps ids in a file as docs/outlets.md
shows, has each event once, and those of a ticket in their order. Exits 1 if anything is missing, doubled or out of
order, naming the seed.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session
from postmaster.outbox.models import Event
from tests.servers.ports import free_ports, wait_until
from tests.soak.kill import in_process
from tests.support import Desk, mail

SECRET = "whsec_" + "c2VjcmV0" * 5 + "MTIz"

WORKER = "from postmaster import create_app; from postmaster.jobs.roles import run_outlets; run_outlets(create_app())"

# As docs/outlets.md has it, with every request written down, the order in which events were taken, and time to be
# killed before and after that.
RECEIVER = """
import json, random, sqlite3, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from standardwebhooks import Webhook
from threading import Lock
taken, lock = sqlite3.connect(sys.argv[2], isolation_level=None, check_same_thread=False), Lock()
taken.execute("CREATE TABLE IF NOT EXISTS event (place INTEGER PRIMARY KEY, id UNIQUE, ticket, sequence INTEGER)")
taken.execute("CREATE TABLE IF NOT EXISTS request (id TEXT)")
class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = Webhook(sys.argv[3]).verify(body, dict(self.headers))
        time.sleep(random.random() / 10)
        with lock:
            taken.execute("INSERT INTO request VALUES (?)", (event["id"],))
            taken.execute("INSERT OR IGNORE INTO event (id, ticket, sequence) VALUES (?, ?, ?)",
                          (event["id"], event["data"]["ticket"]["number"], event["sequence"]))
        time.sleep(random.random() / 10)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
"""


class Victim:
    """A process that is killed and started again."""

    def __init__(self, *command: str, environ: dict[str, str]) -> None:
        self._command = [sys.executable, "-c", *command]
        self._environ = {**os.environ, **environ}
        self.kills = 0
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self, *, for_good: bool = False) -> None:
        """End it as a crash would, and start it again unless that is it."""
        self._process.kill()
        self._process.wait()
        if not for_good:
            self.kills += 1
            self._start()


def main(kills: int, mails: int, seed: int) -> None:
    """Kill each of the two at least ``kills`` times, while so many mails become tickets and follow-ups."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        environ = {"POSTMASTER_DATA_DIR": f"{folder}/data"}
        desk = in_process(environ)
        [port] = free_ports(1)
        url = f"http://127.0.0.1:{port}/"
        desk.ok("setting", "set", "TicketsPerSenderHour", "1000000")
        desk.ok("outlet", "add", "--name", "desk", "--url", url, "--secret-stdin", input=SECRET)
        receiver = Victim(RECEIVER, str(port), f"{folder}/taken.db", SECRET, environ=environ)
        worker = Victim(WORKER, environ=environ)
        try:
            kill_while(desk, mails, kills, (receiver, worker), chance)
            wait_until(lambda: shown(desk)["backlog"] == 0, "all events", 900)
        finally:
            receiver.kill(for_good=True)
            worker.kill(for_good=True)
        count(environ, Path(folder, "taken.db"), receiver.kills, worker.kills)


def kill_while(desk: Desk, mails: int, kills: int, victims: tuple[Victim, Victim], chance: random.Random) -> None:
    """Let mail come in, and kill one of ``victims`` whenever something is being sent, until each was killed enough."""
    number = 0
    while min(victim.kills for victim in victims) < kills:
        if number < mails:
            read(desk, chance, number)
            number += 1
        else:
            desk.ok("outlet", "replay", "desk", "--since", "2020-01-01")
        if chance.random() < 0.2 or number >= mails:
            desk.ok("outlet", "retry", "desk")  # what waits for an hour would only make it longer
            wait_until(lambda: is_sending(desk), "something to be sent", 60)
            time.sleep(chance.uniform(0, 0.2))
            min(chance.sample(victims, 2), key=lambda victim: victim.kills).kill()
    for later in range(number, mails):
        read(desk, chance, later)


def is_sending(desk: Desk) -> bool:
    """Whether something is on its way at this moment."""
    return bool(desk.ok("outlet", "deliveries", "desk", "--state", "sending", "--limit", "1", "--json").stdout)


def read(desk: Desk, chance: random.Random, number: int) -> None:
    """A mail: half of them answers to earlier ones, so that tickets have several events."""
    tickets = desk.tickets("--limit", "20") if number and chance.random() < 0.6 else []
    subject = f"Re: [Ticket#{chance.choice(tickets)['number']}]" if tickets else f"mail {number}"
    desk.ok("read", input=mail(subject))


def shown(desk: Desk) -> dict[str, int]:
    """How the outlet stands; what failed is tried at once, so that nobody waits for it."""
    desk.ok("outlet", "retry", "desk")
    found: dict[str, int] = desk.ok("outlet", "show", "desk", "--json").json
    return found


def count(environ: dict[str, str], file: Path, receiver_kills: int, worker_kills: int) -> None:
    """Say what arrived. Raises SystemExit if anything is missing, doubled or out of order."""
    with create_app(load_environment(environ)).app_context(), read_session() as session:
        keys = list(session.scalars(select(Event.key).order_by(Event.id)))
    with sqlite3.connect(file) as taken:
        rows = taken.execute("SELECT id, ticket, sequence FROM event ORDER BY place").fetchall()
        requests = taken.execute("SELECT count(*) FROM request").fetchone()[0]
    order: dict[str, list[int]] = defaultdict(list)
    for _, ticket, sequence in rows:
        order[ticket].append(sequence)
    late = [ticket for ticket, sequences in order.items() if sequences != sorted(sequences)]
    missing, strange = set(keys) - {row[0] for row in rows}, {row[0] for row in rows} - set(keys)
    print(
        f"{len(keys)} events of {len(order)} tickets, {receiver_kills} kills of the receiver, {worker_kills} of the "
        f"worker: {requests} requests, {len(rows)} taken, {len(missing)} missing, {len(late)} tickets out of order"
    )
    if missing or strange or late or len(rows) != len(keys):
        raise SystemExit(f"missing {missing}, strange {strange}, out of order {late}")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    run: Callable[..., None] = main
    run(*(given + [30, 400, random.randrange(10**6)][len(given) :]))
