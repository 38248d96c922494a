"""Which tests run first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.databases import names_of, take_turns

# Folders and files whose tests take long, mostly by waiting for something; and about how many seconds a test takes.
SLOW = {
    "bench": 2,
    "bin": 1,
    "browser": 2,
    "deploy": 1,
    "fetching/test_caution.py": 6,
    "fetching/test_quirk_pairs.py": 25,
    "fetching/test_slow_messages.py": 3,
    "jobs": 10,
    "test_migrations.py": 1,
    "web/test_numbers.py": 3,
    "web/test_serving.py": 3,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take turns, and sort what takes long first."""
    take_turns(config, items)
    items[:] = slow_ones_first(items, getattr(config, "workerinput", {}).get("workercount", 1))


def slow_ones_first(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """``items`` so that two of three workers, which each begin with a stretch of them, have first what takes long.

    The others keep the processor busy while these wait, so what waits longest comes first. At the end there are short
    ones left, which are handed round easily. The tests of a file stay together, and those of a folder stay with few
    workers: they share what is slow to make.
    """
    files: dict[Path, list[pytest.Item]] = {}
    fast: list[pytest.Item] = []
    for item in items:
        if seconds_of(item):
            files.setdefault(item.path, []).append(item)
        else:
            fast.append(item)
    slow = sorted(files.values(), key=lambda tests: -seconds_of(tests[0]))
    shares = shared_out(slow, workers - workers // 3) + [[] for _ in range(workers // 3)]
    size = len(items) // workers
    ordered: list[pytest.Item] = []
    for share in shares:
        rest = max(0, size - len(share))
        ordered += [*share, *fast[:rest]]
        fast = fast[rest:]
    return ordered + fast


def shared_out(files: Sequence[list[pytest.Item]], count: int) -> list[list[pytest.Item]]:
    """``files`` in ``count`` stretches that take about as long."""
    shares: list[list[pytest.Item]] = [[] for _ in range(count)]
    whole = sum(seconds_of(tests[0]) * len(tests) for tests in files)
    before = 0
    for tests in files:
        shares[before * count // whole] += tests
        before += seconds_of(tests[0]) * len(tests)
    return shares


def seconds_of(item: pytest.Item) -> int:
    """How long it takes, if that is long."""
    return next((SLOW[name] for name in names_of(item.path) & SLOW.keys()), 0)
