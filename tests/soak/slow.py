"""Dead mail servers beside healthy ones: ``python -m tests.soak.slow [MINUTES] [DEAD] [HEALTHY]``.

Two workers; each account is due every minute, and all are new. Dead servers answer a byte a second, one half of them
when somebody signs in, the other half when mail is read. Prints the longest wait of a healthy account for its next run,
which must be under two intervals. Exits 1 otherwise.
"""

from __future__ import annotations

import itertools
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import new_mailbox
from tests.servers.redis import Redis
from tests.servers.scripted import Connection, ImapServer
from tests.servers.worker import Worker
from tests.soak.fleet import logins
from tests.soak.kill import in_process
from tests.support import Desk, mail

# Seconds between two runs of an account, and how many processes fetch.
INTERVAL, WORKERS = 60, 2


def crawls(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    """A byte a second, without end."""
    connection.trickle(b"x" * 100_000, pause=1.0)


def main(minutes: int, dead: int, healthy: int) -> None:
    """Run it, and hold the healthy server's log against what is promised."""
    with tempfile.TemporaryDirectory() as folder, Redis() as redis, Dovecot() as server, ExitStack() as stack:
        environ = {"POSTMASTER_DATA_DIR": f"{folder}/data", "POSTMASTER_REDIS_URL": redis.url}
        desk = in_process(environ)
        desk.ok("setting", "set", "FetchIntervalMinutes", str(INTERVAL // 60))
        desk.ok("setting", "set", "SessionsPerHost", "10")
        for number in range(dead):
            command = "LOGIN" if number % 2 else "UID FETCH"
            add_dead(desk, stack.enter_context(ImapServer({command: crawls}, messages={1: mail("slow")})), number)
        boxes = [new_mailbox(server) for _ in range(healthy)]
        for box in boxes:
            desk.account(box)
        before = len(server.log)
        worker = stack.enter_context(Worker(environ, Path(folder), "--workers", str(WORKERS), quick=False))
        began = datetime.now(UTC)
        time.sleep(60 * minutes)
        end = datetime.now(UTC)
        worker.signal(signal.SIGTERM)
        if worker.wait(200) != 0:  # a run on a dead server ends with its step
            raise SystemExit(worker.log)
        judge(server.log[before:], [box.user for box in boxes], began, end)


def add_dead(desk: Desk, server: ImapServer, number: int) -> None:
    """An account on a server that hardly answers; they differ by their login, since they are all on this machine."""
    credential = desk.credential(f"dead{number}", "correct horse")
    desk.add_account(type="IMAP", host="127.0.0.1", port=server.port, credential=credential)


def judge(log: str, users: list[str], began: datetime, end: datetime) -> None:
    """Raises SystemExit if an account waited for two intervals; what lies between two runs is one interval and its
    wait.
    """
    moments = logins(log, end)
    waits = [wait for user in users for wait in seconds_waited([began, *moments[user], end])]
    print(f"{sum(map(len, moments.values()))} runs of {len(users)} healthy accounts", flush=True)
    print(f"longest wait of a healthy account beside dead ones: {max(waits):.0f} s, of {2 * INTERVAL} s", flush=True)
    if max(waits) >= 2 * INTERVAL:
        raise SystemExit("a healthy account waited two intervals")


def seconds_waited(moments: list[datetime]) -> list[float]:
    """How much later than an interval after the one before each moment came; the first run is due at once."""
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    due = [timedelta(0), *[timedelta(seconds=INTERVAL)] * (len(gaps) - 1)]
    return [(gap - wait).total_seconds() for gap, wait in zip(gaps, due, strict=True)]


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [8, 6, 6][len(given) :]))
