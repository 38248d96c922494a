"""Many accounts at once: fetching is waiting for servers, so accounts wait side by side."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING

from flask import Flask, current_app

from postmaster.fetching.counters import AccountResult

if TYPE_CHECKING:  # choosing accounts takes none of what fetching takes
    from postmaster.fetching.run import FetchOptions

# Accounts that are worked on at the same time, over all hosts.
LANES = 16

Work = Callable[[int, "FetchOptions"], AccountResult]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account to be fetched. ``skipped`` says why it is not; ``host`` counts the sessions."""

    id: int
    label: str
    host: str
    skipped: str = ""


def fetch_concurrently(
    candidates: Sequence[Candidate], work: Work, options: FetchOptions, sessions_per_host: int
) -> Iterator[AccountResult]:
    """Do ``work`` (fetch or preview) on each account; results come as they are ready.

    No host is given more than ``sessions_per_host`` at once. After ``options.stop`` no further account is begun.
    """
    hosts: dict[str, deque[int]] = defaultdict(deque)
    for candidate in candidates:
        if candidate.skipped:
            yield AccountResult(candidate.id, candidate.label, skipped=candidate.skipped)
        else:
            hosts[candidate.host].append(candidate.id)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    results: SimpleQueue[AccountResult | BaseException] = SimpleQueue()

    def lane(waiting: deque[int]) -> None:
        with app.app_context():
            for account_id in _take_turns(waiting, options.stop):
                try:
                    results.put(work(account_id, options))
                except BaseException as error:  # whoever asked for the results is told
                    results.put(error)

    with ThreadPoolExecutor(LANES, thread_name_prefix="fetch") as pool:
        lanes = [pool.submit(lane, hosts[host]) for host in hosts for _ in range(sessions_per_host)]
        yield from _collect(results, lanes)


def _take_turns(waiting: deque[int], stop: Event) -> Iterator[int]:
    """One account of a host after the other; several lanes share ``waiting``."""
    while not stop.is_set():
        try:
            yield waiting.popleft()
        except IndexError:
            return


def _collect(
    results: SimpleQueue[AccountResult | BaseException], lanes: Sequence[Future[None]]
) -> Iterator[AccountResult]:
    """The results until all lanes have ended."""
    while not (all(lane.done() for lane in lanes) and results.empty()):
        try:
            result = results.get(timeout=0.1)
        except Empty:
            continue
        if isinstance(result, BaseException):
            raise result
        yield result
