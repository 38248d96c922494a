"""A job that takes too long is ended with its process, wherever it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from redis import Redis as Connection
from rq import Queue

from tests.lost_signals import lose
from tests.servers.redis import Redis

# A worker that takes one job.
WORK = """
import sys
from redis import Redis
from postmaster.jobs.roles import FetchWorker

FetchWorker(["due"], connection=Redis.from_url(sys.argv[1])).work(burst=True)
"""


def catches_everything() -> None:
    """Take what comes for the fault of what it is at, and go on with the next."""
    while True:
        try:
            signal.pause()
        except Exception:  # as a run does that reads a message
            continue


def lets_nothing_out() -> None:
    """Be where an exception is lost at that moment, and go on."""
    lose(signal.SIGALRM)
    signal.pause()


@pytest.mark.parametrize("job", [signal.pause, catches_everything, lets_nothing_out])
def test_its_process_ends_whatever_the_job_does_with_errors(own_redis: Redis, job: object) -> None:
    Queue("due", connection=Connection.from_url(own_redis.url)).enqueue(job, job_timeout=1)
    worker = subprocess.run([sys.executable, "-c", WORK, own_redis.url], env=os.environ, timeout=60, check=False)
    assert worker.returncode == -signal.SIGALRM
