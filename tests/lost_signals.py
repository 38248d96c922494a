"""Signals that come where no exception gets out of their handlers, for processes that a test starts."""

from __future__ import annotations

import os


class _Last:
    def __init__(self, number: int) -> None:
        self._number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self._number)


def lose(number: int) -> None:
    """Have this process get that signal while it deletes an object: what the handler raises is printed, and lost."""
    _Last(number)
