"""What writes entries of the log is there when it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVES = "from postmaster import create_app; create_app().complete()"
WORKS = "import sys; sys.argv = ['worker']; from postmaster.jobs.__main__ import main; assert main() == 2"
COMMANDS = "from postmaster import create_app; create_app()"


def loaded(code: str, environ: dict[str, str]) -> bool:
    """Whether what writes entries is loaded after ``code``, in a process of its own, without a Redis."""
    code += "; import sys; sys.exit('postmaster.log_entries' in sys.modules and 7 or 0)"
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, check=False)
    assert done.returncode in (0, 7), done.stderr.decode()
    return done.returncode == 7


@pytest.mark.parametrize(("code", "expected"), [(SERVES, True), (WORKS, True), (COMMANDS, False)])
def test_what_runs_on_loads_at_its_start_what_a_command_loads_with_its_first_entry(
    environ: dict[str, str], code: str, expected: bool
) -> None:
    assert loaded(code, environ) is expected
