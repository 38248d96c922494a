"""The progress bars of ``flask fetch``, where there is a terminal to show them on."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text


class AccountBars:
    """A bar for each account that is fetched, on standard error."""

    def __init__(self) -> None:
        self._tasks: dict[int, TaskID] = {}
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )

    def start(self) -> None:
        """Show them from now on."""
        self._bar.start()

    def stop(self) -> None:
        """Take them away."""
        self._bar.stop()

    def show(self, account_id: int, label: str, done: int, found: int) -> None:
        """An account is at message ``done`` of ``found``."""
        if account_id not in self._tasks:
            self._tasks[account_id] = self._bar.add_task(label, total=found)
        self._bar.update(self._tasks[account_id], completed=done, total=found)

    def remove(self, account_id: int) -> None:
        """An account is done."""
        if account_id in self._tasks:
            self._bar.remove_task(self._tasks[account_id])


class RateColumn(ProgressColumn):
    """Messages per second so far."""

    def render(self, task: Task) -> Text:
        """The rate, or nothing before there is one."""
        return Text(f"{task.completed / task.elapsed:.0f} mails/s" if task.elapsed else "")
