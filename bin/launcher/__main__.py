"""``bin/start``."""

import sys

from bin.launcher.launch import launch

if __name__ == "__main__":
    sys.exit(launch())
