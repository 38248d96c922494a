"""The worker, started as ``python worker.py``; see ``python worker.py --help``."""

import sys

from postmaster.jobs.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
