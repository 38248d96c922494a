"""``flask fetch``: fetch now."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from postmaster.accounts.sealing import check_keys
from postmaster.cli.base import (
    MAX_COUNT,
    Number,
    dialogue_shown,
    guarded,
    plain,
    print_json,
    user_name,
    verbose_option,
)
from postmaster.cli.door import show_error
from postmaster.database import read_session
from postmaster.fetching.counters import COUNTERS, AccountResult, totals
from postmaster.fetching.pause import current_pause, paused_error
from postmaster.fetching.pool import Candidate, fetch_concurrently
from postmaster.fetching.selection import choose_accounts
from postmaster.system.settings import SESSIONS_PER_HOST, get_setting

if TYPE_CHECKING:
    from postmaster.cli.progress import AccountBars

EXIT_FAILED, EXIT_HELD, EXIT_INTERRUPTED = 1, 3, 130

SHOW_CURSOR = "\x1b[?25h"


@click.command()
@click.option("--account", "names", multiple=True, metavar="ID-OR-NAME", help="Fetch this account only; repeatable.")
@click.option("--dry-run", is_flag=True, help="Show what would happen to the mail; change neither database nor server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--timeout",
    type=Number(0, MAX_COUNT),
    metavar="SECONDS",
    help="Leave the rest of an account to the next run after this time.",
)
@verbose_option
@with_appcontext
@guarded
def fetch(names: tuple[str, ...], dry_run: bool, as_json: bool, timeout: int | None, verbose: bool) -> None:
    """Fetch mail now: of all valid accounts, or of those that are named.

    Fetched mail is deleted on its server once stored. Ctrl-C finishes the current batch; a second one does not wait.

    \b
    Exit status: 0 all went well (also: nothing to fetch, accounts skipped, time ran out), 1 an account failed,
    2 wrong usage or configuration, 3 nothing was fetched, because another run holds the accounts or all fetching is
    paused, 130 interrupted.
    """
    check_keys()
    with read_session() as session:
        candidates = choose_accounts(session, names)
        sessions = get_setting(session, SESSIONS_PER_HOST)
        pause = None if dry_run else current_pause(session)
    if pause:
        candidates = [replace(candidate, skipped="all fetching is paused") for candidate in candidates]
        show_error(paused_error(pause))
    report, stop = FetchReport(candidates, as_json=as_json, bar=not verbose), threading.Event()
    with report, interruptible(stop), dialogue_shown(verbose):
        results = [report.add(result) for result in _results(candidates, sessions, dry_run, timeout, report, stop)]
    results.sort(key=lambda result: result.id)
    if as_json:
        print_json({"accounts": [result.as_dict() for result in results], "totals": totals(results)})
    else:
        report.close(results)
    sys.exit(EXIT_HELD if pause else exit_code(results, interrupted=stop.is_set()))


def _results(
    candidates: Sequence[Candidate],
    sessions: int,
    dry_run: bool,
    timeout: int | None,
    report: FetchReport,
    stop: threading.Event,
) -> Iterator[AccountResult]:
    """What becomes of each account. Where there is none, nothing is imported for it."""
    if not candidates:
        return
    from postmaster.fetching.dry_run import preview_account
    from postmaster.fetching.run import FetchOptions, fetch_account

    who = f"command line ({user_name()}, process {os.getpid()})"
    options = FetchOptions(who, timeout, stop=stop, on_progress=report.progress)
    yield from fetch_concurrently(candidates, preview_account if dry_run else fetch_account, options, sessions)


def exit_code(results: Sequence[AccountResult], *, interrupted: bool) -> int:
    """What the command ends with (docs/reference.md#exit-codes)."""
    errors = [result.error for result in results if result.error]
    held = [error for error in errors if error.code in ("lease-held", "fetching-paused", "account-paused")]
    if interrupted:
        return EXIT_INTERRUPTED
    if len(errors) > len(held):
        return EXIT_FAILED
    tried = [result for result in results if not result.skipped]
    return EXIT_HELD if held and len(held) == len(tried) else 0


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM sets ``stop``; a second one ends the process at once, whatever its threads wait for.

    That loses no mail, and doubles none: what was begun is found out by the next run.
    """

    def end_soon(_signal: int, _frame: FrameType | None) -> None:
        for number in before:
            signal.signal(number, _end_at_once)
        stop.set()
        _tell("Finishing the current batch; once more ends it at once.\n")

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, end_soon)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_at_once(_signal: int, _frame: FrameType | None) -> None:
    if os.isatty(2):
        _tell(SHOW_CURSOR)  # which the bars have hidden
    os._exit(EXIT_INTERRUPTED)


def _tell(text: str) -> None:
    """Write to standard error as a signal handler may: in the middle of whatever else is written there."""
    with suppress(OSError):
        os.write(2, text.encode())


class FetchReport:
    """What people see while and after it runs: a progress bar on a terminal, plain lines in a pipe."""

    def __init__(self, candidates: Sequence[Candidate], *, as_json: bool, bar: bool = True) -> None:
        self._labels = {candidate.id: candidate.label for candidate in candidates}
        self._as_json = as_json
        self._bars = _bars() if bar and sys.stderr.isatty() else None

    def __enter__(self) -> None:
        if self._bars:
            self._bars.start()

    def __exit__(self, *_error: object) -> None:
        if self._bars:
            self._bars.stop()

    def progress(self, account_id: int, done: int, found: int) -> None:
        """An account is at message ``done`` of ``found``. Called from the thread that fetches it."""
        if self._bars:
            self._bars.show(account_id, self._labels[account_id], done, found)

    def add(self, result: AccountResult) -> AccountResult:
        """An account is done. On a terminal its lines wait for ``close``, so as not to run into the bar."""
        if self._bars:
            self._bars.remove(result.id)
        elif not self._as_json:
            self._print(result)
        return result

    def close(self, results: Sequence[AccountResult]) -> None:
        """All accounts are done."""
        if self._bars:
            for result in results:
                self._print(result)
        if not results:
            click.echo("There is no valid mail account to fetch. Add one with: flask account add --help")
        elif len(results) > 1:
            click.echo(f"{len(results)} accounts: {counts(totals(results))}.")

    def _print(self, result: AccountResult) -> None:
        for line in describe(result):
            click.echo(line)


def _bars() -> AccountBars:
    from postmaster.cli.progress import AccountBars

    return AccountBars()


def describe(result: AccountResult) -> Iterator[str]:
    """Lines for people about one account."""
    if result.skipped:
        yield f"{result.label}: skipped, {result.skipped}."
        return
    row = result.as_dict()
    if result.error is None or result.counters.found:
        reasons = ", ".join(f"{count} {reason}" for reason, count in row["left_reasons"].items() if count)
        yield f"{result.label}: {counts(row)}{f' ({reasons})' if reasons else ''}, {row['seconds']:.1f} s."
    for message in result.messages or ():
        queue = f" → {message['queue']}" if message["queue"] else ""
        yield f"  {message['uid']}: {message['outcome']}{queue} ({message['reason']}): {plain(message['subject'])}"
    yield from (f"  Note: {note}" for note in result.notes)
    if result.offer:
        yield f"  {plain(str(result.offer))}"
    if result.error:
        said = f" The server said: {plain(result.error.server)}" if result.error.server else ""
        yield f"{result.label}: failed at {result.error.stage}. {result.error} [{result.error.code}]{said}"


def counts(row: dict[str, int]) -> str:
    """The counters that are not zero, in words."""
    words = [f"{row[name]} {name.replace('_', ' ')}" for name in COUNTERS if row[name] or name in ("found", "new")]
    return ", ".join(words)
