"""kill -9 of ``flask fetch`` at random moments: ``python -m tests.soak.kill [KILLS] [MAILS] [SEED]``.

Each round fills a mailbox, kills the command again and again until one run ends by itself, and then counts: as many
tickets as mails, none twice, the mailbox empty. There are rounds until each protocol has seen ``KILLS`` kills. Exits 1
at the first round that went wrong, naming the seed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from postmaster import create_app
from postmaster.config import load_environment
from tests.results import Result
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.support import Desk, expected, mails

COMMAND = [sys.executable, "-m", "flask", "--app", "postmaster", "fetch"]


def in_process(environ: dict[str, str]) -> Desk:
    """The app's commands in this process."""
    app = create_app(load_environment(environ))

    def run(*args: object, input: str | bytes | None = None) -> Result:  # noqa: A002 - click's word
        result = app.test_cli_runner().invoke(args=[str(arg) for arg in args], input=input)
        return Result(result.exit_code, result.stdout, result.stderr)

    return Desk(run)


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


def kill_until_done(environ: dict[str, str], moments: Moments) -> int:
    """Start runs and kill them until one ends by itself; returns how many were killed."""
    kills = 0
    while True:
        with subprocess.Popen(COMMAND, env={**os.environ, **environ}, stdout=subprocess.DEVNULL) as process:
            try:
                if process.wait(moments.draw()) == 0:
                    return kills
                raise SystemExit("a run failed")
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1


def one_round(server: Dovecot, kind: str, count: int, chance: random.Random) -> int:
    """One mailbox of ``count`` mails; returns how often its runs were killed. Raises SystemExit if it went wrong."""
    mailbox: TestMailbox = new_mailbox(server)
    with tempfile.TemporaryDirectory() as folder:
        environ = {"POSTMASTER_DATA_DIR": str(Path(folder) / "data")}
        desk = in_process(environ)
        desk.account(mailbox, kind)
        shortest = seconds_of_a_run(environ)
        mailbox.deliver(*mails(count, size=20_000))
        kills = kill_until_done(environ, Moments(chance, shortest, shortest + count / 1000))
        desk.fetch()
        titles, left = desk.titles(), mailbox.count()
    print(f"{kind}: killed {kills} times, {sum(titles.values())} tickets, {left} left in the mailbox", flush=True)
    lost, doubled = expected(count) - titles, titles - expected(count)
    if lost or doubled or left:
        raise SystemExit(f"lost {dict(lost)}, doubled {dict(doubled)}, left {left}")
    return kills


def main(kills: int, count: int, seed: int) -> None:
    """Kill at least ``kills`` runs on each protocol."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    with Dovecot() as server:
        for kind in ("IMAP", "POP3"):
            rounds = killed = 0
            while killed < kills:
                killed += one_round(server, kind, count, chance)
                rounds += 1
            print(f"{kind}: {killed} kills in {rounds} rounds of {count} mails: nothing lost, nothing doubled")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [50, 500, random.randrange(10**6)][len(given) :]))
