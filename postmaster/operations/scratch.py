"""Small files in the data directory for what is on its way: forms that wait, and what was found out for them.

All web processes of a machine see them. They are named by a token that nobody can guess, and go after a day.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from pathlib import Path

from postmaster import config
from postmaster.extensions import Json

# Seconds after which a file goes, and how many there may be; the oldest go first.
MAX_AGE_SECONDS = 24 * 3600
MAX_FILES = 200

_TOKEN = re.compile(r"[0-9a-f]{32}")


def new_file() -> Path:
    """An empty file that only this user may read; its name is the token. Old ones go."""
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    _tidy_up(folder)
    path = folder / secrets.token_hex(16)
    path.touch(mode=0o600)
    return path


def find_file(token: str) -> Path | None:
    """The file of that token, if it is still there."""
    path = _folder() / token
    return path if _TOKEN.fullmatch(token) and path.exists() else None


def read_object(token: str) -> Json:
    """What the file of that token holds as JSON; empty if it is gone, or holds anything else."""
    path = find_file(token)
    try:
        held = json.loads(path.read_text()) if path else {}
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def files() -> list[Path]:
    """All of them, the newest first. Some may go meanwhile."""
    found = []
    for path in _folder().glob("*"):
        with contextlib.suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


def _folder() -> Path:
    return config.current().data_dir / "scratch"


def _tidy_up(folder: Path) -> None:
    """Leave those that are young enough, and room for one more."""
    oldest = time.time() - MAX_AGE_SECONDS
    for number, path in enumerate(files(), start=1):
        with contextlib.suppress(FileNotFoundError):
            if number >= MAX_FILES or path.stat().st_mtime < oldest:
                path.unlink()
