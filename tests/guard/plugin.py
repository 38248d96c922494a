"""Has pytest and all that it starts be guarded, and the session fail if anybody tried to reach another machine."""

from __future__ import annotations

import os
import tempfile

import pytest

from tests.guard.sitecustomize import ATTEMPTS, attempts, guard, variables

# As long as this session lasts. Workers of xdist are started with what the session they belong to has set.
folder = tempfile.TemporaryDirectory(prefix="pm-guard-")
os.environ.setdefault(ATTEMPTS, f"{folder.name}/attempts")
os.environ.update(variables(os.environ.get("PYTHONPATH", "")))
guard()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session, whatever became of the tests in which it happened."""
    if attempts() and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was tried."""
    if tried := attempts():
        terminalreporter.section("left the loopback", red=True)
        terminalreporter.write_line("\n".join(tried))
