"""docs/performance.md: what ``bench/run --write`` measured, kept beside it, and put into the page between its marks."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.capacity import capacity_table
from bench.picture import picture
from bench.plan import Bench
from bench.results import Result, figure
from bench.table import BENCHES

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
FOLDER = PAGE.with_suffix("")
KEPT = FOLDER / "results.json"

_MARKED = re.compile(r"(<!-- measured: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Measured:
    """A result, with the day and the machine."""

    result: Result
    day: str
    machine: str


def keep(results: Mapping[str, Result]) -> None:
    """Write down ``results`` in the place of what was measured before under the same names."""
    known = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    known |= {name: {"day": day, "machine": machine, **result.as_dict()} for name, result in results.items()}
    FOLDER.mkdir(exist_ok=True)
    ordered = {bench.name: known[bench.name] for bench in BENCHES if bench.name in known}
    KEPT.write_text(json.dumps(ordered, indent=1) + "\n")


def measured() -> dict[str, Measured]:
    """What was kept, by the name of its bench."""
    known = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return {name: Measured(Result.from_dict(row), row["day"], row["machine"]) for name, row in known.items()}


def write() -> None:
    """Put all that was kept into the page, and draw its pictures."""
    found = measured()
    for bench in BENCHES:
        if bench.name in found:
            (FOLDER / f"{bench.name}.svg").write_text(picture(bench.title, found[bench.name].result))
    PAGE.write_text(page(PAGE.read_text(), found))


def page(text: str, found: Mapping[str, Measured]) -> str:
    """``text`` with what was measured between its marks."""
    parts: dict[str, Callable[[], Iterator[str]]] = {
        "goals": lambda: _goals(found),
        "capacity": lambda: capacity_table({name: each.result for name, each in found.items()}),
        "benches": lambda: (line for bench in BENCHES for line in _section(bench, found.get(bench.name))),
    }
    return _MARKED.sub(lambda mark: mark[1] + "\n".join(parts[mark[2]]()) + "\n" + mark[3], text)


def _goals(found: Mapping[str, Measured]) -> Iterator[str]:
    yield from _table_head(("", "measured", "asked", ""))
    for bench in BENCHES:
        for check in found[bench.name].result.checks if bench.name in found else ():
            mark = "reached" if check.met else "**missed**"
            yield _row((f"[{check.what}](#{bench.name})", figure(check.value), check.asked, mark))


def _section(bench: Bench, measured: Measured | None) -> Iterator[str]:
    yield from ("", f"### {bench.name}", "", f"**{bench.title}.** {bench.about}", "")
    if measured is None:
        yield f"Not measured yet: `bench/run {bench.name} --write`"
        return
    result = measured.result
    yield from _table_head(("", result.unit, "slowest and fastest round"))
    yield from (_row((line.name, figure(line.median), line.spread)) for line in result.lines)
    yield from ("", f"![{bench.title}, {result.unit}](performance/{bench.name}.svg)", "")
    yield from (f"{note}\n" for note in result.notes)
    yield f"`bench/run {bench.name} --write`, {measured.day}, {measured.machine}"


def _table_head(cells: Sequence[str]) -> Iterator[str]:
    yield _row(cells)
    yield _row(("---", *("--:" for _ in cells[1:])))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
