"""Several things at once that wait for the network, with a limit of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

ResultT = TypeVar("ResultT")

# Seconds for what keeps to its limit to say so.
GRACE_SECONDS = 0.2


def run_side_by_side(jobs: Sequence[Callable[[], ResultT]], seconds: float) -> list[ResultT | None]:
    """What each of ``jobs`` returns, None where that takes longer than ``seconds``.

    Their threads are left alone then: looking up a name cannot be given up, and must keep nobody waiting.
    """
    results: list[ResultT | None] = [None] * len(jobs)

    def run(place: int) -> None:
        results[place] = jobs[place]()

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(jobs))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds + GRACE_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return list(results)
