"""The application whose pages are registered when somebody asks for them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from flask import Flask

from postmaster.application import LazyApplication

TOP = Path(__file__).parents[1]


def test_a_request_that_comes_meanwhile_waits_for_the_pages() -> None:
    begun, may_end = Event(), Event()

    def register(app: Flask) -> None:
        begun.set()
        assert may_end.wait(20)
        app.add_url_rule("/page", view_func=lambda: "there")

    app = LazyApplication("lazy", register=register)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: app.test_client().get("/page").text)
        assert begun.wait(20)
        second = pool.submit(lambda: app.test_client().get("/page").text)
        may_end.set()
        assert (first.result(20), second.result(20)) == ("there", "there")


def test_a_fault_in_the_pages_is_met_by_each_request() -> None:
    def register(_app: Flask) -> None:
        raise ImportError("a library is missing")

    client = LazyApplication("lazy", register=register).test_client()
    for _ in range(2):
        with pytest.raises(ImportError, match="a library is missing"):
            client.get("/")


@pytest.mark.database("sqlite")
def test_whoever_copies_the_file_between_commands_has_all_of_the_database(app: Flask, environ: dict[str, str]) -> None:
    folder = Path(environ["POSTMASTER_DATA_DIR"])
    command = [sys.executable, "-m", "flask", "--app", "postmaster", "queue", "add", "--name", "Copied"]
    subprocess.run(command, cwd=TOP, env=environ, check=True, capture_output=True)
    assert [path.name for path in folder.glob("postmaster.sqlite?*")] == [], "its log is in the file"
    copy = sqlite3.connect(f"file:{folder / 'postmaster.sqlite'}?immutable=1", uri=True)
    assert copy.execute("SELECT count(*) FROM queue WHERE name = 'Copied'").fetchall() == [(1,)]
    copy.close()
