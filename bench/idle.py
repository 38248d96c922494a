"""What ``postmaster-worker`` costs while it has nothing to do, with a thousand accounts that are not due."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench.processor import own_seconds
from postmaster import create_app
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.sealing import seal
from postmaster.config import load_environment
from postmaster.database import prepare_database, read_session, transaction
from postmaster.extensions import now
from postmaster.operations.state import fetching_state
from tests.servers.ports import wait_until
from tests.servers.redis import Redis
from tests.servers.worker import Worker

# Of a core, in percent: what the processes may use together.
MOST = 1.0


def main() -> int:
    """Measure, and print the share of a core that each process used. Returns 1 if it was more than ``MOST``."""
    parser = argparse.ArgumentParser(prog="bench/idle", description=__doc__.replace("``", ""))
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=120)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Redis() as redis:
        environ = {
            "POSTMASTER_DATA_DIR": f"{folder}/data",
            "POSTMASTER_REDIS_URL": redis.url,
            "POSTMASTER_WORKERS": "1",
        }
        fill(environ, arguments.accounts)
        with Worker(environ, Path(folder), quick=False) as worker:
            wait_for(environ)
            share = measure(worker, arguments.accounts, arguments.seconds)
            worker.stop()
    return int(share > MOST)


def fill(environ: dict[str, str], count: int) -> None:
    """Accounts that were fetched just now, on a hundred hosts, and are due in an hour."""
    with create_app(load_environment(environ)).app_context():
        prepare_database()
        sealed = seal("secret")
        with transaction() as session:
            for number in range(count):
                credential = Credential(name=f"c{number}", username=f"user{number}", sealed_password=sealed)
                state = AccountState(failures=0, last_success_at=now(), next_run_at=now() + timedelta(hours=1))
                host = f"mail{number % 100}.example.com"
                session.add(MailAccount(type="IMAP", host=host, interval=60, credential=credential, state=state))


def wait_for(environ: dict[str, str]) -> None:
    """Until worker and scheduler say that they live."""
    with create_app(load_environment(environ)).app_context():

        def alive() -> bool:
            with read_session() as session:
                return fetching_state(session).ok

        wait_until(alive, "the worker", 60)


def measure(worker: Worker, accounts: int, seconds: int) -> float:
    """Watch it idle, print what it used, and return how much that was in percent of a core."""
    names = ["supervisor", "worker", "outlets", "scheduler"]
    pids = [worker.pid, *worker.children()]
    time.sleep(5)  # past what starting costs
    before, started = [own_seconds(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - started
    shares = [100 * (own_seconds(pid) - earlier) / passed for pid, earlier in zip(pids, before, strict=True)]
    for name, share in zip(names, shares, strict=True):
        print(f"{name:<12}{share:6.2f} % of a core")
    print(
        f"{'together':<12}{sum(shares):6.2f} % of a core, with {accounts} accounts that are not due, in {passed:.0f} s"
    )
    return sum(shares)


if __name__ == "__main__":
    sys.exit(main())
