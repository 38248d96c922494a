"""What the tests of the commands share."""

from __future__ import annotations

import pytest

from tests.cli.support import Admin
from tests.results import Run


@pytest.fixture
def admin(run: Run) -> Admin:
    """An administrator at the command line."""
    return Admin(run)
