"""kill -9 of ``flask fetch`` at random moments: ``python -m tests.soak.kill [KILLS] [MAILS] [SEED] [postgresql]``.

Each round fills a mailbox, kills the command again and again until one run ends by itself, and then counts: as many
tickets as mails, none twice, the mailbox empty. Every tenth mail is followed by an answer to it. After each kill there
is one event for each article, in the order of its ticket, for a program that reads on after the last one. There are
rounds until each protocol has seen ``KILLS`` kills. Exits 1 at the first round that went wrong, naming the seed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.database import read_session
from postmaster.desk.models import Article, Ticket
from postmaster.outbox.models import EventType
from tests.results import Result, runner_of
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.servers.postgres import Postgres
from tests.support import Desk, expected, mail, mails

COMMAND = [sys.executable, "-m", "flask", "--app", "postmaster", "fetch"]


def in_process(environ: dict[str, str]) -> Desk:
    """The app's commands in this process."""
    app = create_app(load_environment(environ))

    def run(*args: object, input: str | bytes | None = None) -> Result:  # noqa: A002 - click's word
        result = app.test_cli_runner().invoke(args=[str(arg) for arg in args], input=input)
        return Result(result.exit_code, result.stdout, result.stderr)

    return Desk(run)


def with_answers(count: int) -> list[bytes]:
    """``mails(count)``, and after every tenth one an answer to it."""
    delivered = []
    for number, message in enumerate(mails(count, size=20_000)):
        delivered.append(message)
        if number % 10 == 9:
            name = message.split(b"Message-ID: <")[1].split(b">")[0].decode()
            delivered.append(mail(f"Re: mail {number}", headers=[f"In-Reply-To: <{name}>"], size=20_000))
    return delivered


@dataclass
class Moments:
    """When to kill: between the seconds an idle run takes, and the longest that one with mail should take.

    That grows with each kill: on a machine that has become slower, runs would never get past their start.
    """

    chance: random.Random
    shortest: float
    longest: float

    def draw(self) -> float:
        """Seconds after its start at which to kill a run."""
        self.longest *= 1.05
        return self.chance.uniform(self.shortest * 0.7, self.longest)


def seconds_of_a_run(environ: dict[str, str]) -> float:
    """How long a run takes that is left alone."""
    started = time.monotonic()
    subprocess.run(COMMAND, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


def _ticket(told: tuple[str, int, str]) -> str:
    return told[2]


class EventReader:
    """A program that reads events on after the last one, and compares them with what is stored."""

    def __init__(self, desk: Desk, app: Flask) -> None:
        self.desk, self.app = desk, app
        self.after = 0
        self.told: list[tuple[str, int, str]] = []

    def check(self) -> None:
        """Read what is new. Raises SystemExit unless each article was told once by now, those of a ticket in their
        order: the first one as the ticket.
        """
        for event in self.desk.ok("event", "list", "--json", "--after", self.after).json_lines:
            article = event["data"]["article"]
            if article:
                self.told.append((event["type"], article["id"], event["data"]["ticket"]["number"]))
            self.after = event["sequence"]
        if (told := sorted(self.told, key=_ticket)) != (stored := sorted(self._stored(), key=_ticket)):
            raise SystemExit(f"told {set(told) - set(stored)}, not told {set(stored) - set(told)}, {len(told)} events")

    def _stored(self) -> list[tuple[str, int, str]]:
        query = select(Article.id, Ticket.number).join(Ticket, Ticket.id == Article.ticket_id).order_by(Article.id)
        opened: set[str] = set()
        stored = []
        with self.app.app_context(), read_session() as session:
            for article_id, number in session.execute(query):
                kind = EventType.ARTICLE_ADDED if number in opened else EventType.TICKET_CREATED
                stored.append((kind.value, article_id, number))
                opened.add(number)
        return stored


def kill_until_done(environ: dict[str, str], moments: Moments, reader: EventReader) -> int:
    """Start runs and kill them until one ends by itself; returns how many were killed."""
    kills = 0
    while True:
        with subprocess.Popen(COMMAND, env={**os.environ, **environ}, stdout=subprocess.DEVNULL) as process:
            try:
                if process.wait(moments.draw()) == 0:
                    reader.check()
                    return kills
                raise SystemExit("a run failed")
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        reader.check()


def one_round(server: Dovecot, kind: str, count: int, chance: random.Random, url: str) -> int:
    """One mailbox of ``count`` mails; returns how often its runs were killed. Raises SystemExit if it went wrong."""
    mailbox: TestMailbox = new_mailbox(server)
    with tempfile.TemporaryDirectory() as folder:
        environ = {"POSTMASTER_DATA_DIR": str(Path(folder) / "data"), "POSTMASTER_DATABASE_URL": url}
        app = create_app(load_environment(environ))
        desk = Desk(runner_of(app))
        desk.account(mailbox, kind)
        shortest = seconds_of_a_run(environ)
        mailbox.deliver(*with_answers(count))
        reader = EventReader(desk, app)
        kills = kill_until_done(environ, Moments(chance, shortest, shortest + count / 1000), reader)
        desk.fetch()
        reader.check()
        titles, left = desk.titles(), mailbox.count()
    tickets = sum(titles.values())
    print(f"{kind}: killed {kills} times, {tickets} tickets, {len(reader.told)} events, {left} left", flush=True)
    lost, doubled = expected(count) - titles, titles - expected(count)
    if lost or doubled or left or len(reader.told) != count + count // 10:
        raise SystemExit(f"lost {dict(lost)}, doubled {dict(doubled)}, left {left}, told {len(reader.told)}")
    return kills


def main(kills: int, count: int, seed: int, new_database: Callable[[], str]) -> None:
    """Kill at least ``kills`` runs on each protocol."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    with Dovecot() as server:
        for kind in ("IMAP", "POP3"):
            rounds = killed = 0
            while killed < kills:
                killed += one_round(server, kind, count, chance, new_database())
                rounds += 1
            print(
                f"{kind}: {killed} kills in {rounds} rounds of {count} mails: nothing lost, nothing doubled or untold"
            )


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:4]]
    numbers = given + [50, 500, random.randrange(10**6)][len(given) :]
    if sys.argv[4:] == ["postgresql"]:
        with Postgres() as postgres:
            main(*numbers, postgres.copy_database)
    else:
        main(*numbers, lambda: "")
