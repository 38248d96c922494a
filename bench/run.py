"""Measure what is claimed: all benches, or those that are named."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.page import keep, write
from bench.plan import Amount, Bench
from bench.results import Result, figure
from bench.table import BENCHES


def main() -> int:
    """Measure and print. Returns 1 if something is not as it has to be."""
    arguments = _parser().parse_args()
    if arguments.list:
        print("\n".join(f"{bench.name:<12}{bench.title}" for bench in BENCHES))
        return 0
    results = dict(_measured(arguments, Console(stderr=True, highlight=False)))
    if arguments.json:
        print(json.dumps({name: result.as_dict() for name, result in results.items()}, indent=2))
    if arguments.write:
        keep(results)
        write()
    return int(not all(check.met for result in results.values() for check in result.checks))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; --list names all")
    parser.add_argument("--list", action="store_true", help="name the benches")
    parser.add_argument("--rounds", type=int, help="of each (default: its own number)")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 for a tenth of everything (default: 1)")
    parser.add_argument(
        "--size", type=_size, action="append", default=[], metavar="NAME=N", help="of one thing, as in rows=10000000"
    )
    parser.add_argument(
        "--kept", type=Path, metavar="FOLDER", help="leave the databases of pages there, and use those that are there"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", action="store_true", help="write what was measured into docs/performance.md")
    return parser


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    return name, int(number)


def chosen(names: Sequence[str]) -> Sequence[Bench]:
    """The benches with these names, all if there are none. Raises SystemExit for one that there is not."""
    known = {bench.name: bench for bench in BENCHES}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"bench/run: there is no bench {unknown[0]}. There are: {', '.join(known)}")
    return [known[name] for name in names] or BENCHES


def _measured(arguments: argparse.Namespace, console: Console) -> list[tuple[str, Result]]:
    found = []
    amount = Amount(arguments.rounds, arguments.scale, dict(arguments.size), bool(arguments.kept))
    for bench in chosen(arguments.names):
        console.print(f"[bold]{bench.name}[/]: {bench.title}")
        started = time.monotonic()
        say = partial(console.print, " ")
        with _folder(arguments.kept and arguments.kept / bench.name) as folder:
            result = bench.measure(bench.plan(folder, say, amount))
        found.append((bench.name, result))
        console.print(_lines(result), _checks(result), *result.notes, f"{time.monotonic() - started:.0f} s", sep="\n")
    return found


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """Where a bench may put things: for good, or for as long as it runs. Other programs run as other users."""
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        kept.chmod(0o755)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="postmaster-bench-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _lines(result: Result) -> Table:
    table = Table("", result.unit, "spread")
    for line in result.lines:
        table.add_row(line.name, figure(line.median), line.spread)
    return table


def _checks(result: Result) -> Table:
    table = Table("asked", "measured", "goal", "")
    for check in result.checks:
        table.add_row(check.what, figure(check.value), check.asked, "yes" if check.met else "[red]missed[/]")
    return table


if __name__ == "__main__":
    sys.exit(main())
