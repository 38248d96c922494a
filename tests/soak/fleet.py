"""Many accounts and three workers for some minutes: ``python -m tests.soak.fleet [ACCOUNTS] [MINUTES]``.

Each account is due every two minutes, all on one server. Its log has to show that each is fetched at each of its
moments, never before and less than an interval later, to the very end; that no account ever has two sessions and the
server never more than SessionsPerHost; and each mail becomes one ticket. Exits 1 otherwise.
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

from postmaster.fetching.schedule import SETTLING, next_slot
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
PERIOD = timedelta(minutes=INTERVAL)

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
            end = datetime.now(UTC)
            if worker.stop() != 0:
                raise SystemExit(worker.log)
        judge(server.log[before:], {box.user: account for box, account in boxes.items()}, end)
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


def judge(log: str, accounts: dict[str, int], end: datetime) -> None:
    """Raises SystemExit if the log shows anything that must not be until ``end``; ``accounts`` are ids by users."""
    moments = logins(log, end)
    sessions, runs = Sessions(log), Counter(map(len, moments.values()))
    waits = [wait for user, times in moments.items() for wait in seconds_late(accounts[user], times)]
    missing = [
        user for user, account in accounts.items() if not moments[user] or is_missing(account, moments[user], end)
    ]
    print(f"runs an account: {dict(sorted(runs.items()))}")
    print(
        f"seconds from its moment to its run: {min(waits, default=0):.0f} at least, {max(waits, default=0):.0f} at most"
    )
    print(f"most sessions at once: {sessions.most_of_one} of an account, {sessions.most_at_once} on the server")
    if missing:
        raise SystemExit(f"fetched no more or never: {len(missing)} accounts, such as {missing[0]}")
    if min(waits, default=0) < 0:
        raise SystemExit("an account was fetched twice in an interval")
    if max(waits, default=0) >= PERIOD.total_seconds():
        raise SystemExit("an account was not fetched in an interval")
    if sessions.most_of_one > 1 or sessions.most_at_once > SESSIONS:
        raise SystemExit("too many sessions")


def logins(log: str, end: datetime) -> defaultdict[str, list[datetime]]:
    """When each user signed in; the log does not say of which year, and has whole seconds of the local time."""
    moments: defaultdict[str, list[datetime]] = defaultdict(list)
    for stamp, user in LOGIN.findall(log):
        moments[user].append(datetime.strptime(f"{end:%Y} {stamp}", "%Y %b %d %H:%M:%S").astimezone())
    return moments


def due_after(account_id: int, moment: datetime) -> datetime:
    """When the account has to be fetched after a run at ``moment``."""
    return next_slot(account_id, PERIOD, moment + min(SETTLING, PERIOD / 10))


def seconds_late(account_id: int, times: list[datetime]) -> list[float]:
    """How much later than it was due each run came, but for the first, which comes at once."""
    return [(later - due_after(account_id, earlier)).total_seconds() for earlier, later in itertools.pairwise(times)]


def is_missing(account_id: int, times: list[datetime], end: datetime) -> bool:
    """Whether a run that was due an interval before the end has not come, or none has."""
    return not times or due_after(account_id, times[-1]) + PERIOD <= end


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [300, 6][len(given) :]))
