"""kill -9 of all that events go through: ``python -m tests.soak.outlets [KILLS] [MAILS] [SEED] [postgresql]``.

While mail comes in by ``flask read`` and by the API, each sent again until it is taken, the worker that hands events
over, the receiver, the web server and, if it is PostgreSQL, the database are killed again and again, while something
is being sent. Then it is counted: each mail became one article and one event; the receiver, which keeps ids in a file
as docs/outlets.md shows, has each event once, and those of a ticket in their order. Exits 1 if anything is missing,
doubled or out of order, naming the seed.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session
from postmaster.desk.models import Article
from postmaster.outbox.models import Event
from tests.servers.ports import free_ports, wait_until
from tests.servers.postgres import Postgres
from tests.servers.process import Server
from tests.servers.web import TOP, Web
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


class Process(Server):
    """A program of the product, or the receiver, which is there once it runs."""

    def __init__(self, *command: str, environ: Mapping[str, str]) -> None:
        super().__init__()
        self.environ = environ
        self._command = [sys.executable, "-c", *command]

    def command(self) -> Sequence[str]:
        return self._command

    def popen_options(self) -> dict[str, Any]:
        """It begins where the product is."""
        return {"cwd": TOP}

    def wait_ready(self) -> None:
        """Nobody waits for it: what it does is tried again until it is there."""


@dataclass
class Victims:
    """What is killed, by name, and how often it was."""

    servers: Mapping[str, Server]
    kills: Counter[str]

    def kill(self, chance: random.Random) -> None:
        """End one of those that were killed least, as a crash would, and start it again."""
        name = min(chance.sample(sorted(self.servers), len(self.servers)), key=lambda name: self.kills[name])
        self.servers[name].kill()
        self.kills[name] += 1
        self.servers[name].start()


@dataclass
class Senders:
    """The two ways by which mail comes in: an MTA's pipe, and a program. Both send it again until it is taken."""

    desk: Desk
    web: Web
    headers: Mapping[str, str]

    def send(self, number: int, raw: bytes) -> None:
        """Hand a message in, by turns in one way or the other."""
        wait_until(lambda: self._piped(raw) if number % 2 else self._posted(number, raw), "the mail to be taken", 120)

    def _piped(self, raw: bytes) -> bool:
        return self.desk.run("read", input=raw).exit_code == 0

    def _posted(self, number: int, raw: bytes) -> bool:
        try:
            headers = {**self.headers, "Idempotency-Key": f"mail-{number}"}
            return requests.post(f"{self.web.url}/mail", data=raw, headers=headers, timeout=60).status_code == 200
        except requests.RequestException:
            return False


def main(kills: int, mails: int, seed: int, database: Postgres | None) -> None:
    """Kill each of them at least ``kills`` times, while so many mails become tickets and follow-ups."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        environ = {"POSTMASTER_DATA_DIR": f"{folder}/data"}
        if database:
            environ["POSTMASTER_DATABASE_URL"] = database.copy_database()
        desk = in_process(environ)
        [port] = free_ports(1)
        url = f"http://127.0.0.1:{port}/"
        desk.ok("setting", "set", "TicketsPerSenderHour", "1000000")
        desk.ok("outlet", "add", "--name", "desk", "--url", url, "--secret-stdin", input=SECRET)
        token = desk.ok("token", "add", "--name", "soak", "--scope", "mail:write").stdout.strip()
        web = stack.enter_context(Web(environ))
        receiver = Process(RECEIVER, str(port), f"{folder}/taken.db", SECRET, environ=environ)
        started = {"receiver": receiver, "worker": Process(WORKER, environ=environ)}
        for process in started.values():
            stack.enter_context(process)
        victims = Victims({**started, "web": web} | ({"database": database} if database else {}), Counter())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "message/rfc822"}
        kill_while(Senders(desk, web, headers), mails, kills, victims, chance)
        wait_until(lambda: shown(desk)["backlog"] == 0, "all events", 900)
        count(environ, Path(folder, "taken.db"), mails, victims)


def kill_while(senders: Senders, mails: int, kills: int, victims: Victims, chance: random.Random) -> None:
    """Let mail come in, and kill one of ``victims`` whenever something is being sent, until each was killed enough."""
    number, desk = 0, senders.desk
    while min(victims.kills[name] for name in victims.servers) < kills:
        if number < mails:
            # Killed beside it, so that some die in the middle of taking it.
            with ThreadPoolExecutor() as beside:
                killing = beside.submit(victims.kill, chance) if chance.random() < 0.05 else None
                senders.send(number, new_mail(desk, chance, number))
                if killing:
                    killing.result()
            number += 1
        else:
            desk.ok("outlet", "replay", "desk", "--since", "2020-01-01")
        if chance.random() < 0.2 or number >= mails:
            desk.ok("outlet", "retry", "desk")  # what waits for an hour would only make it longer
            wait_until(lambda: is_sending(desk), "something to be sent", 60)
            time.sleep(chance.uniform(0, 0.2))
            victims.kill(chance)
    for later in range(number, mails):
        senders.send(later, new_mail(desk, chance, later))


def is_sending(desk: Desk) -> bool:
    """Whether something is on its way at this moment."""
    return bool(desk.ok("outlet", "deliveries", "desk", "--state", "sending", "--limit", "1", "--json").stdout)


def new_mail(desk: Desk, chance: random.Random, number: int) -> bytes:
    """A mail: half of them answers to earlier ones, so that tickets have several events."""
    tickets = desk.tickets("--limit", "20") if number and chance.random() < 0.6 else []
    return mail(f"Re: [Ticket#{chance.choice(tickets)['number']}] {number}" if tickets else f"mail {number}")


def shown(desk: Desk) -> dict[str, int]:
    """How the outlet stands; what failed is tried at once, so that nobody waits for it."""
    desk.ok("outlet", "retry", "desk")
    found: dict[str, int] = desk.ok("outlet", "show", "desk", "--json").json
    return found


def count(environ: dict[str, str], file: Path, mails: int, victims: Victims) -> None:
    """Say what arrived. Raises SystemExit if anything is missing, doubled or out of order."""
    with create_app(load_environment(environ)).app_context(), read_session() as session:
        keys = list(session.scalars(select(Event.key).where(Event.article_id.is_not(None)).order_by(Event.id)))
        articles = session.scalar(select(func.count()).select_from(Article))
    with sqlite3.connect(file) as taken:
        rows = taken.execute("SELECT id, ticket, sequence FROM event ORDER BY place").fetchall()
        requests_ = taken.execute("SELECT count(*) FROM request").fetchone()[0]
    order: dict[str, list[int]] = defaultdict(list)
    for _, ticket, sequence in rows:
        order[ticket].append(sequence)
    late = [ticket for ticket, sequences in order.items() if sequences != sorted(sequences)]
    missing = set(keys) - {row[0] for row in rows}
    print(
        f"{mails} mails, {articles} articles, {len(keys)} events of them in {len(order)} tickets; kills: "
        f"{dict(victims.kills)}; {requests_} requests, {len(rows)} taken, {len(missing)} missing, {len(late)} tickets "
        "out of order"
    )
    if missing or late or not mails == articles == len(keys):
        raise SystemExit(f"missing {missing}, out of order {late}")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:4]]
    numbers = given + [30, 400, random.randrange(10**6)][len(given) :]
    if sys.argv[4:] == ["postgresql"]:
        with Postgres() as postgres:
            main(*numbers, postgres)
    else:
        main(*numbers, None)
