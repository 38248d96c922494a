"""A child that is ended is ended once, whenever it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from postmaster.confined import Limits, NotNowError, TooMuchError, _late

# Computes for half a second of processor time.
BUSY = "import time\nwhile time.process_time() < 0.5: pass"


@pytest.mark.parametrize(("code", "error"), [("", NotNowError), (BUSY, TooMuchError)], ids=["idle", "busy"])
def test_one_that_ends_just_as_its_time_is_over_is_judged_by_what_it_computed(
    code: str, error: type[Exception]
) -> None:
    with subprocess.Popen([sys.executable, "-I", "-c", code]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has heard of that
        assert type(_late(child, Limits(1, 256))) is error
