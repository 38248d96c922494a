"""Messages per second of ``flask fetch``, on SQLite and on PostgreSQL, beside the floor, on one mailbox."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.contenders import USER, Contender, DurablePostgres, FlaskFetch, Floor, Lap
from bench.mailbag import realistic_mail
from tests.servers.dovecot import Dovecot

Laps = dict[str, list[Lap]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench/throughput", description=(__doc__ or "").replace("``", ""))
    parser.add_argument("--messages", type=int, default=2000, help="in the mailbox (default: 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="of each contender, taking turns (default: 3)")
    arguments = parser.parse_args()
    console = Console()
    console.print(f"{arguments.messages} messages, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="postmaster-bench-") as folder, Dovecot() as server:
        server.add_user(USER)
        with DurablePostgres() as postgres:
            contenders = (
                Floor(server),
                FlaskFetch("SQLite", server, Path(folder, "sqlite")),
                FlaskFetch("PostgreSQL", server, Path(folder, "postgres"), postgres.create_database()),
            )
            laps = race(server, arguments.messages, contenders, arguments.rounds, console.print)
    console.print(table(laps, arguments.messages))


def race(server: Dovecot, count: int, contenders: Sequence[Contender], rounds: int, say: Callable[[str], None]) -> Laps:
    """All contenders take turns on the same mailbox, filled anew each time, so that each meets the same noise.

    Each round has mail of its own: what came before would be looked up as an answer to itself.
    """
    laps: Laps = {contender.name: [] for contender in contenders}
    for number in range(1, rounds + 1):
        mail = list(realistic_mail(count, seed=number))
        for contender in contenders:
            server.deliver_many(USER, mail)
            lap = contender.empty_mailbox()
            if contender.deletes and server.count(USER):
                raise RuntimeError(f"{contender.name} left {server.count(USER)} messages.")
            server.maildir(USER).clear()
            laps[contender.name].append(lap)
            say(f"round {number}: {contender.name}: {count / lap.seconds:,.0f} messages/s")
    return laps


def table(laps: Laps, count: int) -> Table:
    """Medians, and their ratio to the first contender."""
    result = Table("", "messages/s", "slowest–fastest", "of the floor", "with start")
    for column in result.columns[1:]:
        column.justify = "right"
    floor = median(lap.seconds for lap in next(iter(laps.values())))
    for name, rounds in laps.items():
        seconds = [lap.seconds for lap in rounds]
        result.add_row(
            name,
            f"{count / median(seconds):,.0f}",
            f"{count / max(seconds):,.0f}–{count / min(seconds):,.0f}",
            f"{floor / median(seconds):.2f}",
            f"{count / median(lap.command_seconds for lap in rounds):,.0f}",
        )
    return result


if __name__ == "__main__":
    main()
