"""``postmaster-worker`` with a quick clock: ``python -m tests.jobs.fast_worker``. The product knows nothing of this."""

from __future__ import annotations

import dataclasses
import faulthandler
import signal
import sys

from postmaster.fetching import batches, lease, run
from postmaster.fetching import schedule as waits
from postmaster.jobs import roles, schedule, supervisor
from postmaster.jobs.__main__ import main
from postmaster.operations import alerting, dispatch, upkeep
from postmaster.sources import deadline

FAST_SECONDS, OPENING_SECONDS = 2, 8

if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    schedule.SWEEP_SECONDS = 0.4  # type: ignore[assignment]
    schedule.SCHEDULE = [dataclasses.replace(row, seconds=max(1, row.seconds // 60)) for row in schedule.SCHEDULE]
    roles.RETRY_SECONDS = roles.BEAT_SECONDS = 0.4  # type: ignore[assignment]
    roles.FetchWorker.max_connection_wait_time = 0.2
    supervisor.FIRST_DELAY = 0.1
    alerting.ASK_SECONDS = 0.5  # type: ignore[assignment]
    alerting.LOOK_EVERY /= 60
    upkeep.CLAIM_LASTS /= 4
    batches.BATCH_MESSAGES = 4  # a run with little mail is long enough to be met in its middle
    run.GRACE_SECONDS = 3
    waits.SOON /= 60
    dispatch.FAST_SECONDS, deadline.OPENING_SECONDS = FAST_SECONDS, OPENING_SECONDS
    # Longer than a process waits for its turn on a full machine: what is only late is not dead.
    lease.LEASE_SECONDS, lease.HEARTBEAT_SECONDS = 15, 1
    sys.exit(main())
