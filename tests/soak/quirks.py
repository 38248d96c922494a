"""Random combinations of quirks in numbers: ``python -m tests.soak.quirks [N]``, 10,000 by default."""

from __future__ import annotations

import os
import sys

import pytest

if __name__ == "__main__":
    os.environ["QUIRK_EXAMPLES"] = sys.argv[1] if len(sys.argv) > 1 else "10000"
    sys.exit(pytest.main(["-q", "-p", "no:xdist", "tests/fetching/test_quirk_pairs.py"]))
