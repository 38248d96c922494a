"""Logging: for people on a terminal, JSON for machines, to standard error.

structlog takes up to a tenth of the time in which a command starts, and most commands write nothing. So it is imported
with the first entry (docs/decisions/02-imports-where-used.md), but at the start by what runs on.
"""

from __future__ import annotations

import logging
from functools import cached_property
from importlib import import_module
from typing import Any


class Logger:
    """structlog's logger of that name, made with its first entry: ``info``, ``warning``, ``error``, ``exception``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return getattr(self._logger, method)

    @cached_property
    def _logger(self) -> Any:
        from postmaster.log_entries import logger

        return logger(self._name)


class _Formatter(logging.Formatter):
    """Makes a line of each record, whoever logged it."""

    def __init__(self, log_format: str) -> None:
        super().__init__()
        self._format = log_format

    def format(self, record: logging.LogRecord) -> str:
        return self._formatter.format(record)

    @cached_property
    def _formatter(self) -> logging.Formatter:
        from postmaster.log_entries import formatter

        return formatter(self._format)


def load_entries() -> None:
    """Import it now: what runs on must not meet a fault of the import when it has something to report."""
    import_module("postmaster.log_entries")


def configure_logging(log_format: str) -> None:
    """Set up logging; ``log_format`` is human or json."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(log_format))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("postmaster").setLevel(logging.INFO)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it ignores at the end of a pipeline was raised before
    logging.getLogger("msal").setLevel(logging.CRITICAL)  # it logs answers that it cannot read, tokens and all
