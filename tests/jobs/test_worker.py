"""The worker, as an operator runs it, on real servers: what is killed goes on by itself."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.jobs.conftest import COUNT, Start, all_is_well, status, wait_for_tickets
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.servers.flask_process import FlaskProcesses
from tests.servers.ports import wait_until
from tests.servers.process import shell_environment
from tests.servers.redis import Redis
from tests.servers.sessions import Sessions
from tests.servers.worker import USUAL, Worker
from tests.support import Desk, expected, mails
from tests.turns import in_turns

# Seconds to wait for what is certain to come, however busy the machine is: these tests are not about how soon.
PATIENCE = 120


def is_fetching(desk: Desk) -> bool:
    """Whether a run is in the middle of its mail."""
    activities = [account["activity"] or {} for account in status(desk)["accounts"]]
    return any(0 < activity.get("done", 0) < COUNT for activity in activities)


@pytest.fixture
def busy(desk: Desk, far_mail: None, start_worker: Start) -> Worker:
    """A worker in the middle of a fetch."""
    worker = start_worker()
    wait_until(lambda: counted(desk) == (2, 1), "its processes to live", PATIENCE)
    wait_until(lambda: is_fetching(desk), "a run in the middle of its mail", PATIENCE)
    return worker


def finished(desk: Desk, mailbox: TestMailbox) -> bool:
    """Whether each mail became exactly one ticket, and none is left."""
    wait_until(lambda: mailbox.count() == 0, "an empty mailbox", PATIENCE)
    wait_until(lambda: all_is_well(desk), "everything to be well again", PATIENCE)
    assert counted(desk) == (2, 1)
    return desk.titles() == expected(COUNT)


def counted(desk: Desk) -> tuple[int, int]:
    """How many workers and schedulers are said to live."""
    worker = status(desk)["worker"]
    return worker["workers"], worker["schedulers"]


def wait_until_told(desk: Desk, word: str) -> None:
    """Until the status says so of fetching."""
    wait_until(lambda: status(desk)["worker"]["fetching"] == word, f"the status to say {word}", PATIENCE)


def stop_and_kill(worker: Worker, pids: Sequence[int]) -> None:
    """Kill these children, and keep their supervisor from starting others in the meantime."""
    worker.signal(signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def kill_the_workers(desk: Desk, worker: Worker, _redis: Redis) -> None:
    stop_and_kill(worker, worker.children()[:-1])
    wait_until_told(desk, "no-worker")
    worker.signal(signal.SIGCONT)


def kill_the_scheduler(desk: Desk, worker: Worker, _redis: Redis) -> None:
    stop_and_kill(worker, worker.children()[-1:])
    wait_until_told(desk, "no-scheduler")
    worker.signal(signal.SIGCONT)


def kill_all(desk: Desk, worker: Worker, _redis: Redis) -> None:
    worker.kill()
    assert counted(desk) == (0, 0), "what was killed is said to live"
    worker.start()


def kill_the_supervisor(desk: Desk, worker: Worker, _redis: Redis) -> None:
    children = worker.children()
    worker.signal(signal.SIGKILL)
    assert worker.process is not None
    worker.process.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "the orphans to end", PATIENCE)
    assert counted(desk) == (0, 0)
    worker.start()


def kill_redis(desk: Desk, _worker: Worker, redis: Redis) -> None:
    redis.kill()
    wait_until_told(desk, "no-worker")
    assert "Redis is out of reach" in status(desk)["worker"]["sentence"]
    redis.start()


KILLS = (kill_the_workers, kill_the_scheduler, kill_all, kill_the_supervisor, kill_redis)


@pytest.mark.parametrize("kill", in_turns(KILLS, "killed in the middle"))
def test_what_is_killed_in_the_middle_of_a_fetch_is_told_and_goes_on_by_itself(
    desk: Desk, mailbox: TestMailbox, busy: Worker, own_redis: Redis, kill: Callable[[Desk, Worker, Redis], None]
) -> None:
    kill(desk, busy, own_redis)
    assert finished(desk, mailbox), busy.log
    assert busy.stop() == 0


def test_redis_that_lost_everything_gets_its_schedule_again(
    desk: Desk, mailbox: TestMailbox, other_mailbox: TestMailbox, start_worker: Start, own_redis: Redis
) -> None:
    desk.account(mailbox)
    worker = start_worker()
    wait_until(lambda: all_is_well(desk), "the first run", PATIENCE)
    own_redis.kill()
    wait_until_told(desk, "no-worker")
    own_redis.start()
    other_mailbox.deliver(*mails(3))
    desk.account(other_mailbox)
    wait_for_tickets(desk, 3, PATIENCE)
    wait_until(lambda: all_is_well(desk), "everything to be well again", PATIENCE)
    assert worker.stop() == 0


def test_asked_to_end_it_finishes_the_batch_and_gives_the_mailbox_back(
    desk: Desk, mailbox: TestMailbox, busy: Worker
) -> None:
    assert busy.stop() == 0, busy.log
    [row] = status(desk)["accounts"]
    assert (row["activity"] or {"state": ""})["state"] != "running"
    stored = len(desk.tickets())
    assert 0 < stored < COUNT
    assert mailbox.count() == COUNT - stored
    assert status(desk)["worker"] | {"sentence": "", "advice": ""} == {
        "fetching": "no-worker", "sentence": "", "advice": "", "workers": 0, "schedulers": 0,
        "paused_by": None, "reason": None, "since": None,
    }  # fmt: skip
    assert desk.fetch_one()["new"] == COUNT - stored


def test_a_second_signal_ends_it_at_once_and_loses_nothing(desk: Desk, mailbox: TestMailbox, busy: Worker) -> None:
    busy.signal(signal.SIGINT)
    busy.signal(signal.SIGTERM)
    assert busy.wait() in (0, 130)
    desk.fetch_one()
    assert desk.titles() == expected(COUNT)


def test_a_pause_ends_a_run_after_its_batch(desk: Desk, mailbox: TestMailbox, busy: Worker) -> None:
    desk.ok("pause", "on", "--reason", "the mail server moves")
    wait_until(lambda: not is_fetching(desk), "the run to end", PATIENCE)
    assert mailbox.count() > 0
    assert status(desk)["worker"]["reason"] == "the mail server moves"
    desk.ok("pause", "off")
    assert finished(desk, mailbox), busy.log


def test_three_workers_and_two_schedulers_fetch_each_account_once_and_no_host_is_over_its_limit(
    desk: Desk, mailbox: TestMailbox, start_worker: Start
) -> None:
    desk.ok("setting", "set", "SessionsPerHost", "2")
    desk.ok("setting", "set", "FetchIntervalMinutes", "1440")  # so that none has a second turn, however long this takes
    boxes = [mailbox, *(new_mailbox(mailbox.server) for _ in range(11))]
    for box in boxes:
        box.deliver(*mails(1))
        desk.account(box)
    before = len(mailbox.server.log)
    workers = [start_worker("--workers", count) for count in ("2", "1")]  # as on two hosts, each with a scheduler
    wait_until(lambda: counted(desk) == (3, 2), "all of them to run", PATIENCE)
    wait_until(lambda: all_is_well(desk), "all accounts to be fetched", PATIENCE)
    assert [worker.stop() for worker in workers] == [0, 0]
    sessions = Sessions(mailbox.server.log[before:])
    assert sessions.logins == Counter(box.user for box in boxes)
    assert sessions.most_of_one == 1
    assert sessions.most_at_once <= 2


def test_its_help_explains(data_dir: Path, flask_process: FlaskProcesses) -> None:
    result = flask_process(shell_environment(POSTMASTER_DATA_DIR=str(data_dir)), "--help", module=USUAL)
    assert result.returncode == 0
    assert b"POSTMASTER_WORKERS" in result.stdout


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "There is no Redis: POSTMASTER_REDIS_URL is not set"),
        ({"POSTMASTER_REDIS_URL": "http://x"}, "POSTMASTER_REDIS_URL must start with redis://"),
        ({"POSTMASTER_WORKERS": "none"}, "POSTMASTER_WORKERS is “none”, but must be a number from 1 to 64"),
    ],
)
def test_what_is_wrong_with_its_settings_is_said_in_a_sentence(
    data_dir: Path, flask_process: FlaskProcesses, environ: dict[str, str], words: str
) -> None:
    result = flask_process(shell_environment(POSTMASTER_DATA_DIR=str(data_dir), **environ), module=USUAL)
    assert result.returncode == 2
    said = result.stderr.decode()
    assert words in said
    assert "Traceback" not in said
