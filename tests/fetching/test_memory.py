"""Memory grows with the bytes of a message, not with its lines; if it runs out, that is said to be ours."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys

import pytest

from postmaster.fetching.memory import return_large_blocks
from postmaster.sources.pop3_client import Pop3Client
from tests.servers.pop3 import Pop3Server
from tests.support import Desk, mail

MEBIBYTE = 1024 * 1024
BLANK_LINES = b"From: eve@example.net\r\nSubject: blank\r\n\r\n" + b"\r\n" * (8 * MEBIBYTE - 1000)

FETCH = f"""
import resource, sys
from flask.cli import main
limit = int(sys.argv.pop(1)) * {MEBIBYTE}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.argv = ["flask", "--app", "postmaster", "fetch", "--json"]
try:
    main()
finally:
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # ru_maxrss has the parent's
    print(int(peak.split()[1]) // 1024, file=sys.stderr)
"""


@pytest.mark.database("sqlite")
def test_16_megabytes_of_blank_lines_are_fetched_within_600_megabytes(desk: Desk, environ: dict[str, str]) -> None:
    with Pop3Server([BLANK_LINES, mail("after")]) as server:
        credential = desk.credential("anna", server.password)
        desk.add_account(type="POP3", host=server.host, port=server.port, credential=credential)
        command = [sys.executable, "-c", FETCH, "900"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
        used = int(done.stderr.split()[-1])
        print(f"at most {used} MiB")
        [row] = json.loads(done.stdout)["accounts"]
        assert (row["error"], row["new"]) == (None, 2)
        assert server.messages == []
    assert used < 600


def test_memory_that_runs_out_is_not_blamed_on_the_server(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def text(_client: Pop3Client, _limit: int) -> bytes:
        raise MemoryError

    with Pop3Server([mail("one")]) as server:
        credential = desk.credential("anna", server.password)
        desk.add_account(type="POP3", host=server.host, port=server.port, credential=credential)
        with monkeypatch.context() as patch:
            patch.setattr(Pop3Client, "text", text)
            error = desk.fetch_one(code=1)["error"]
            assert error["code"] == "memory-short"
            assert "PostMaster" in error["message"]
        assert desk.fetch_one()["new"] == 1


@pytest.mark.parametrize("error", [OSError, MemoryError, AttributeError, ImportError], ids=lambda error: error.__name__)
def test_where_memory_cannot_be_asked_to_go_back_mail_is_read_as_well(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(_name: object) -> None:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    return_large_blocks.__wrapped__()
