"""The command line: thin click commands (DESIGN, "Command line": a contract)."""

from __future__ import annotations

from flask import Flask

import postmaster.accounts.models
import postmaster.desk.models
import postmaster.intake.models
import postmaster.system.models  # noqa: F401


def init_app(app: Flask) -> None:
    """Register the commands."""
