"""``flask fetch`` that the kernel kills for want of memory as soon as it has the culprit, which it cannot say any more.

``python -m tests.fetching.fetch_and_be_killed CULPRIT``: a message that has these words is the culprit.
"""

from __future__ import annotations

import os
import signal
import sys

from flask.cli import main

from postmaster.fetching import recorder
from postmaster.pipeline.arrival import Arrival

if __name__ == "__main__":
    read, culprit = recorder.read_arrival, sys.argv[1].encode()

    def killed(raw: bytes, *rest: object) -> Arrival:
        """Die of the culprit."""
        if culprit in raw:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(raw, *rest)  # type: ignore[arg-type]

    recorder.read_arrival = killed
    sys.argv = ["flask", "--app", "postmaster", "fetch"]
    main()
