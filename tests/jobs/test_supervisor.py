"""The processes of the worker end when they are asked to, whatever they are at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from postmaster.jobs.supervisor import Child, _context

# A process that is asked to end before it has run a single line, as on a machine that has no time for it.
SLOW_TO_BEGIN = """
import os, signal, sys
from multiprocessing.context import ForkProcess
from postmaster.jobs.supervisor import Child, Supervisor

asked, told = os.pipe()
os.register_at_fork(after_in_child=lambda: os.read(asked, 1))
terminate = ForkProcess.terminate

def terminate_and_tell(process):
    terminate(process)
    os.write(told, b"x")

class Stopped(Supervisor):
    def _start_missing(self):
        super()._start_missing()
        os.kill(os.getpid(), signal.SIGTERM)

ForkProcess.terminate = terminate_and_tell
sys.exit(Stopped(None, [Child("one", lambda app: signal.pause())]).run())
"""


def test_a_process_that_is_asked_to_end_before_it_has_begun_ends() -> None:
    done = subprocess.run([sys.executable, "-c", SLOW_TO_BEGIN], timeout=60, check=False)
    assert done.returncode == 0


# A process that is asked to end while it still looks for Redis, in a place from which no exception gets out.
LOOKING = """
import os, signal
from postmaster import create_app
from postmaster.jobs import __main__ as worker
from tests.lost_signals import lose

def connect():
    lose(signal.SIGTERM)
    os._exit(3)

worker.connect = connect
worker._check(create_app())
"""


def test_one_that_is_asked_while_it_starts_ends_wherever_it_is(environ: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOOKING], env={**os.environ, **environ}, timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGALRM, "its job took longer than it may"), (signal.SIGKILL, "unknown")],
)
def test_one_that_ended_at_the_limit_of_its_job_is_told_from_others(number: signal.Signals, reason: str) -> None:
    process = _context.Process(target=signal.raise_signal, args=(number,))
    process.start()
    process.join()
    with capture_logs() as logs:
        Child("worker 1", lambda _app: None, process).bury()
    assert [(entry["code"], entry["reason"]) for entry in logs] == [(-number, reason)]
