"""``flask fetch`` that kills itself at a named step: ``python -m tests.fetching.fetch_and_die STEP NTH …``.

The product knows nothing of this: the functions that mark the steps are wrapped from outside.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask.cli import main

from postmaster.fetching import batch_parser, batches, run
from postmaster.ledger import record
from postmaster.sources.imap import ImapSource
from postmaster.sources.pop3 import Pop3Source


@dataclass(frozen=True)
class Step:
    """A moment in the life of a run: before or after ``name`` of ``owner`` is called."""

    owner: Any
    name: str
    after: bool


# Small batches, so that a step comes more than once with few messages.
BATCH = 4

IMAP_STEPS = {
    "before the lease": Step(run, "begin_run", after=False),
    "with the lease": Step(run, "_begin", after=True),
    "signed in": Step(run, "open_source", after=True),
    "listed": Step(batches, "select_messages", after=True),
    "read": Step(batches, "read_batch", after=True),
    "stored but not committed": Step(record, "_settle", after=True),
    "committed": Step(batches, "record", after=True),
    "deleted": Step(ImapSource, "delete", after=True),
    "before the end": Step(run, "end_run", after=False),
    "at the end": Step(run, "end_run", after=True),
}
POP3_STEPS = {
    **IMAP_STEPS,
    "deleted": Step(Pop3Source, "delete", after=True),
    "before QUIT": Step(Pop3Source, "close", after=False),
    "after QUIT": Step(Pop3Source, "close", after=True),
}

# A step of runs that have a process to read mail in, as they have with much mail.
ANSWERED = "answered by the process"
PROCESS_STEPS = {ANSWERED: Step(batch_parser._ParseProcess, "_answer", after=True)}


def arm(step: Step, nth: int) -> None:
    """Die at the ``nth`` time that ``step`` comes."""
    original: Callable[..., Any] = getattr(step.owner, step.name)
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and not step.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(step.owner, step.name, wrapped)


def start_process_for_any_mailbox() -> None:
    """Wait until it is ready, and print its id each time that it is asked."""
    is_ready = batch_parser._ParseProcess.is_ready

    def wait_ready(process: Any) -> bool:
        while not is_ready(process):
            time.sleep(0.01)
        os.write(1, b"%d\n" % process.pid)
        return True

    batch_parser.BACKLOG = 0
    batch_parser._ParseProcess.is_ready = wait_ready  # type: ignore[method-assign]


if __name__ == "__main__":
    protocol, name, nth, *arguments = sys.argv[1:]
    batches.BATCH_MESSAGES = BATCH
    if name in PROCESS_STEPS:
        start_process_for_any_mailbox()
    arm(({"IMAP": IMAP_STEPS, "POP3": POP3_STEPS}[protocol] | PROCESS_STEPS)[name], int(nth))
    sys.argv = ["flask", *arguments]
    main()
