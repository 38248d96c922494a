"""Each bench runs through at a small size, and what was measured gets into the page."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import contenders, memory, page, races, run, workers
from bench.page import PAGE, Measured, measured
from bench.picture import picture
from bench.plan import Amount, Bench
from bench.results import Check, Line, Result, figure, ratio
from bench.run import chosen
from bench.table import BENCHES
from postmaster import create_app
from postmaster.config import load_environment
from postmaster.extensions import db
from tests.servers.flask_process import FlaskProcesses
from tests.servers.worker import Worker
from tests.turns import in_turns

SMALL = Amount(rounds=1, scale=0.001, sizes={"messages": 8, "large": 1, "tickets": 100, "rows": 200})
RESULT = Result("messages/s", (Line("floor", (10.0, 20.0)), Line("SQLite", (5.0, 8.0))), (Check("IMAP", 0.45, 0.5),))


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch, flask_process: FlaskProcesses) -> None:
    """Commands are carried out in this process, most of whose time would be their start, and so is the worker forked,
    which has a quick clock; nothing comes from PyPI.
    """

    def flask(environ: Mapping[str, str], *words: str) -> str:
        own = {name: value for name, value in environ.items() if name.startswith("POSTMASTER_")}
        app = create_app(load_environment(own))
        said = app.test_cli_runner().invoke(args=list(words)).stdout
        with app.app_context():
            db.engine.dispose()
        return said

    def worker(environ: Mapping[str, str], folder: Path, *arguments: str, **_usual: bool) -> Worker:
        return Worker(environ, folder, *arguments, processes=flask_process)

    monkeypatch.setattr(contenders, "flask", flask)
    monkeypatch.setattr(workers, "Worker", worker)
    monkeypatch.setattr(workers, "WORKERS", 2)
    monkeypatch.setattr(memory, "KINDS", ("IMAP",))
    monkeypatch.setattr(memory, "LARGE_BYTES", 2 * memory.MEBIBYTE)
    monkeypatch.setattr(races, "pypi_programs", lambda _folder: None)


@pytest.mark.parametrize("bench", in_turns(BENCHES, "benches", 2), ids=lambda bench: bench.name)
def test_each_bench_runs_through(bench: Bench, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    result = bench.measure(bench.plan(tmp_path, print, SMALL))
    assert all(len(line.values) == 1 and line.median > 0 for line in result.lines)
    assert result.lines


def test_what_was_measured_is_printed_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench("pop3", "POP3", "", lambda _plan: RESULT, {})
    monkeypatch.setattr(run, "BENCHES", (bench,))
    monkeypatch.setattr(sys, "argv", ["bench/run", "pop3", "--size", "messages=6", "--json"])
    assert run.main() == 1  # the goal is missed
    assert Result.from_dict(json.loads(capsys.readouterr().out)["pop3"]) == RESULT


def test_a_bench_that_there_is_not_is_named() -> None:
    with pytest.raises(SystemExit, match="there is no bench pop4"):
        chosen(["pop4"])


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    assert ratio(RESULT.lines, "SQLite", "floor") == 0.45


def test_what_was_measured_stands_between_the_marks_of_the_page() -> None:
    found = {"imap": Measured(RESULT, "2026-11-29", "2 cores")}
    text = page.page(PAGE.read_text(), found)
    assert "| [IMAP](#imap) | 0.45 | at least 0.50 | **missed** |" in text
    assert "| SQLite | 6.50 | 5.00–8.00 |" in text
    assert "`bench/run imap --write`, 2026-11-29, 2 cores" in text
    assert page.page(text, found) == text


def test_the_page_has_what_was_kept() -> None:
    """If not: python -c "from bench.page import write; write()"."""
    assert page.page(PAGE.read_text(), measured()) == PAGE.read_text()


def test_what_is_kept_is_read_as_it_was() -> None:
    assert Result.from_dict(json.loads(json.dumps(RESULT.as_dict()))) == RESULT


def test_a_picture_has_a_bar_for_each_line() -> None:
    drawn = picture("Speed <of all>", RESULT)
    assert drawn.count('class="bar"') == 2
    assert "Speed &lt;of all&gt;" in drawn


@pytest.mark.parametrize(("value", "words"), [(1234.5, "1,234"), (12.34, "12.3"), (0.456, "0.46")])
def test_figures_have_three_digits(value: float, words: str) -> None:
    assert figure(value) == words
