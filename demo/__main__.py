"""``bin/start --demo``."""

import os
import sys

from bin.launcher.launch import launch
from demo.scene import demo_environment, play

if __name__ == "__main__":
    os.environ.update(demo_environment())
    sys.exit(launch(play))
