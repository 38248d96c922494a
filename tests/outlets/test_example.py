"""The receiver that docs/outlets.md shows takes what the worker sends, each event once."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.documents import TOP
from tests.jobs.conftest import Start, environ, own_redis, start_worker
from tests.outlets.conftest import SECRET
from tests.servers.ports import free_ports, listening, wait_until
from tests.support import Desk, mails

__all__ = ["environ", "own_redis", "start_worker"]

EXAMPLE = re.search(r"```python\n(.*?)```", (TOP / "docs/outlets.md").read_text(), re.DOTALL)


@pytest.fixture
def example(tmp_path: Path) -> Iterator[int]:
    """The receiver as a process; its port."""
    assert EXAMPLE
    script = tmp_path / "receiver.py"
    script.write_text(EXAMPLE[1])
    [port] = free_ports(1)
    command = [sys.executable, str(script), str(port)]
    with subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "WEBHOOK_SECRET": SECRET}, stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: listening(port), "the receiver")
        yield port
        process.kill()


def test_the_example_has_twenty_lines() -> None:
    assert EXAMPLE
    assert len([line for line in EXAMPLE[1].splitlines() if line.strip()]) <= 22


def test_mail_reaches_the_receiver_of_the_documentation_by_way_of_the_worker(
    desk: Desk, example: int, tmp_path: Path, start_worker: Start
) -> None:
    url = f"http://127.0.0.1:{example}/"
    desk.ok("outlet", "add", "--name", "desk", "--url", url, "--secret-stdin", input=SECRET)
    for raw in mails(3):
        desk.ok("read", input=raw)
    worker = start_worker("--workers", "1")

    def rows() -> list[tuple[str, str]]:
        with sqlite3.connect(tmp_path / "taken.db") as taken:
            return taken.execute("SELECT type, data FROM event").fetchall()

    wait_until(lambda: len(rows()) >= 3, "the events", 60)
    wait_until(lambda: desk.ok("outlet", "show", "desk", "--json").json["backlog"] == 0, "them to be written down", 60)
    assert sorted(json.loads(data)["ticket"]["title"] for _, data in rows()) == ["mail 0", "mail 1", "mail 2"]
    assert {type_ for type_, _ in rows()} == {"ticket.created"}
    assert worker.stop() == 0, worker.log


def test_the_receiver_of_the_documentation_refuses_what_is_not_signed(desk: Desk, example: int) -> None:
    url = f"http://127.0.0.1:{example}/"
    desk.ok("outlet", "add", "--name", "desk", "--url", url)
    result = desk.run("outlet", "test", "desk", "--json")
    assert (result.exit_code, result.json["status"]) == (1, 401)
