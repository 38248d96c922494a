"""Wherever the tests are started, what they start hears the signals that it is sent."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import pytest_configure


@pytest.fixture(params=[signal.SIGINT, signal.SIGQUIT, signal.SIGHUP])
def ignored(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that is ignored, as in the background of a shell."""
    before = signal.signal(request.param, signal.SIG_IGN)
    yield request.param
    signal.signal(request.param, before)


def test_what_was_ignored_at_the_start_is_heard_by_what_tests_start(ignored: signal.Signals) -> None:
    script = f"import signal; print(signal.getsignal({ignored.value}) == signal.SIG_IGN)"

    def is_deaf() -> bool:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        return done.stdout == "True\n"

    assert is_deaf()
    pytest_configure()
    assert not is_deaf()
