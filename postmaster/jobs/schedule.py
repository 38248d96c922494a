"""The schedule as data, and the scheduler that holds Redis to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from redis import Redis
from rq import Queue
from rq.job import Job
from rq_scheduler.scheduler import Scheduler

from postmaster.broker import CONTROL
from postmaster.extensions import now

# Seconds between two looks of a scheduler at what is due. A lock that a killed one left is gone ten seconds later.
SWEEP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job that comes again every ``seconds``, and may take ``timeout`` seconds; where that is less, it never meets
    itself.
    """

    name: str
    seconds: int
    timeout: int

    @property
    def id(self) -> str:
        """The id of its job, which is always the same."""
        return f"postmaster-{self.name}"

    @property
    def function(self) -> str:
        """What the worker calls."""
        return f"postmaster.jobs.tasks.{self.name}"


SCHEDULE: Sequence[Periodic] = (
    Periodic("tick", seconds=10, timeout=120),
    Periodic("upkeep", seconds=60, timeout=300),
    Periodic("customers", seconds=600, timeout=500),
    Periodic("retain", seconds=3600, timeout=3000),
)


class FetchScheduler(Scheduler):
    """rq-scheduler, which before each look sees that ``SCHEDULE`` stands in Redis as it is to be.

    Redis may have lost everything, and the clock may have been set back. Only the scheduler that has the lock looks,
    so several of them do no harm.
    """

    def __init__(self, redis: Redis) -> None:
        super().__init__(queue_name=CONTROL, connection=redis, interval=SWEEP_SECONDS)

    def run_until(self, stopping: threading.Event) -> None:
        """Look every few seconds until ``stopping``. Raises RedisError when Redis goes away."""
        self.register_birth()
        try:
            while not stopping.is_set():
                self.heartbeat()
                if self.acquire_lock():
                    self.enqueue_jobs()
                    self.remove_lock()
                stopping.wait(SWEEP_SECONDS)
        finally:
            self.remove_lock()
            self.register_death()

    def enqueue_jobs(self) -> None:
        """Queue what is due."""
        for periodic in SCHEDULE:
            self.reconcile(periodic)
        super().enqueue_jobs()

    def reconcile(self, periodic: Periodic) -> None:
        """Put ``periodic`` into Redis if it is missing, due by its interval at the latest."""
        due = self.connection.zscore(self.scheduled_jobs_key, periodic.id)
        kept = self.connection.exists(Job.key_for(periodic.id))
        if due is None or not kept or due > now().timestamp() + periodic.seconds:
            self.schedule(
                now(),
                periodic.function,
                interval=periodic.seconds,
                id=periodic.id,
                description=periodic.name,
                timeout=periodic.timeout,
                queue_name=CONTROL,
            )

    def get_jobs_to_queue(self, with_times: bool = False) -> Iterator[Job]:
        """What is due, by the clock that all schedulers have in common."""
        return iter(self.get_jobs(int(now().timestamp()), with_times=with_times))

    def enqueue_job(self, job: Job) -> None:
        """Queue ``job``, unless it still waits there: without a worker the queue would only grow."""
        queue = Queue(CONTROL, connection=self.connection)
        self.connection.lrem(queue.key, 0, job.id)
        super().enqueue_job(job)
        self.connection.zadd(self.scheduled_jobs_key, {job.id: int(now().timestamp()) + job.meta["interval"]})
