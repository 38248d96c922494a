"""Many accounts and three workers for some minutes: ``python -m tests.soak.fleet [ACCOUNTS] [MINUTES]``.

Each account is due every two minutes, all on one server. Its log has to show that each is fetched once an interval,
that no account ever has two sessions and the server never more than SessionsPerHost; and each mail becomes one ticket.
Exits 1 otherwise.
"""

from __future__ import annotations

import itertools
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from postmaster.intake.schedule import next_slot
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.servers.redis import Redis
from tests.servers.sessions import Sessions
from tests.servers.worker import Worker
from tests.soak.kill import in_process
from tests.support import Desk, mail

WORKERS, SESSIONS = 3, 3

# Minutes between two runs.
INTERVAL = 2

LOGIN = re.compile(r"^(\w+ +\d+ [\d:]+) imap-login: Info: Login: user=<([^>]+)>", re.MULTILINE)


def main(accounts: int, minutes: int) -> None:
    """Run it, and hold the server's log against what is promised."""
    with tempfile.TemporaryDirectory() as folder, Redis() as redis, Dovecot() as server:
        environ = {"POSTMASTER_DATA_DIR": f"{folder}/data", "POSTMASTER_REDIS_URL": redis.url}
        desk = in_process(environ)
        boxes = fill(desk, server, accounts)
        before = len(server.log)
        with Worker(environ, Path(folder), "--workers", str(WORKERS), quick=False) as worker:
            sent = send_mail(list(boxes), minutes)
            settle(desk, sent)
            if worker.stop() != 0:
                raise SystemExit(worker.log)
        judge(server.log[before:], {box.user: account for box, account in boxes.items()}, minutes)
        titles = desk.titles()
        if titles.total() != sent or titles.most_common(1)[0][1] != 1:
            raise SystemExit(f"{sent} mails became {titles.total()} tickets, {titles.most_common(1)}")
        print(f"{sent} mails became {sent} tickets, each once", flush=True)


def fill(desk: Desk, server: Dovecot, count: int) -> dict[TestMailbox, int]:
    """``count`` accounts on ``server``, by their mailboxes."""
    desk.ok("setting", "set", "FetchIntervalMinutes", str(INTERVAL))
    desk.ok("setting", "set", "SessionsPerHost", str(SESSIONS))
    desk.ok("setting", "set", "TicketsPerSenderHour", "1000000")
    boxes = {box: int(desk.account(box)) for box in (new_mailbox(server) for _ in range(count))}
    print(f"{count} accounts", flush=True)
    return boxes


def send_mail(boxes: list[TestMailbox], minutes: int) -> int:
    """Ten mails a second, for so many minutes; returns how many."""
    sent, end = 0, time.monotonic() + 60 * minutes
    for box in itertools.cycle(boxes):
        box.deliver(mail(f"mail {sent}"))
        sent += 1
        time.sleep(0.1)
        if time.monotonic() > end:
            return sent
    return sent


def settle(desk: Desk, sent: int) -> None:
    """Until the last mail was fetched, or two intervals have passed."""
    end = time.monotonic() + 150 * INTERVAL
    while len(desk.tickets()) < sent and time.monotonic() < end:
        time.sleep(2)


def judge(log: str, boxes: dict[str, int], minutes: int) -> None:
    """Raises SystemExit if the log shows anything that must not be."""
    moments: defaultdict[str, list[datetime]] = defaultdict(list)
    for stamp, user in LOGIN.findall(log):
        moments[user].append(datetime.strptime(f"{datetime.now(UTC):%Y} {stamp}", "%Y %b %d %H:%M:%S").astimezone())
    sessions, runs = Sessions(log), Counter(map(len, moments.values()))
    steps = Counter(step for user, times in moments.items() for step in intervals_between(boxes[user], times))
    print(f"runs an account in {minutes} minutes and what came after: {dict(sorted(runs.items()))}")
    print(f"intervals from one run to the next: {dict(sorted(steps.items()))}")
    print(f"most sessions at once: {sessions.most_of_one} of an account, {sessions.most_at_once} on the server")
    if set(moments) != set(boxes):
        raise SystemExit("an account was never fetched")
    if set(steps) != {1}:
        raise SystemExit("an account was fetched twice in an interval, or not at all")
    if sessions.most_of_one > 1 or sessions.most_at_once > SESSIONS:
        raise SystemExit("too many sessions")


def intervals_between(account_id: int, times: list[datetime]) -> list[float]:
    """From which to which of the account's own intervals the runs went. The first one comes at once, so that the
    second one is the first that has a moment of its own.
    """
    interval = timedelta(minutes=INTERVAL)
    slots = [next_slot(account_id, interval, moment) for moment in times[1:]]
    return [(later - earlier) / interval for earlier, later in itertools.pairwise(slots)]


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [300, 6][len(given) :]))
