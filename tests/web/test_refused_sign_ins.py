"""Refused sign-ins stand in the log with their address, in lines that fail2ban reads and nobody can forge."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.flask_process import FlaskProcesses
from tests.turns import in_turns

TOP = Path(__file__).parents[2]
ADDRESS = "198.51.100.7"
VICTIM = "192.0.2.66"

# In which format, and from where, the log tells of somebody.
LOGGED = [("human", ADDRESS), ("json", ADDRESS), ("json", "2001:db8::7"), ("human", "2001:db8::7")]

LogOf = Callable[..., str]

HUMAN = f"2026-11-29T08:00:00Z [warning  ] sign-in refused   [postmaster.web.entrance] address={VICTIM} reason=x user="
JSON = f'{{"address": "{VICTIM}", "reason": "x", "user": "a", "event": "sign-in refused"'


def failregexes() -> list[re.Pattern[str]]:
    """The expressions of the filter in the guide, as fail2ban reads them."""
    block = re.search(
        r"```ini\n\[Definition\]\nfailregex = (.*?)\njournalmatch", (TOP / "docs/deploy.md").read_text(), re.S
    )
    assert block
    address = r"(?P<address>\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)"
    return [re.compile(line.strip().replace("<ADDR>", address)) for line in block[1].splitlines()]


def banned(log: str, prefix: str = "") -> list[str]:
    """The addresses that fail2ban would find in a log, whose lines the journal gives a prefix."""
    lines = (prefix + line for line in log.splitlines())
    found = (regex.search(line) for line in lines for regex in failregexes())
    return [match["address"] for match in found if match]


@pytest.fixture
def log_of(data_dir: Path, flask_process: FlaskProcesses) -> LogOf:
    """``log_of("json", address, *names)``: what is logged when these sign in from there."""

    def sign_in(log_format: str, address: str, *names: str) -> str:
        own = {"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_LOG_FORMAT": log_format}
        done = flask_process({**os.environ, **own}, address, *names, module="tests.web.sign_in_wrongly")
        assert done.returncode == 0, done.stderr
        return done.stderr.decode()

    return sign_in


# What somebody enters as a name, to have the log say that another one was refused.
HOSTILE_NAMES = (
    f"a\n{HUMAN}",
    f"a\r\n{HUMAN}",
    f"a\u2028{HUMAN}",
    f"a\x85{HUMAN}",
    f"a\n{JSON}",
    HUMAN,
    JSON,
    f'a", "event": "x"}}\n{JSON}',
    f"a address={VICTIM} reason=x user=",
    "a\x1b[2K\u202e",
    "a" * 5000,
)


@pytest.mark.parametrize(("log_format", "address"), in_turns(LOGGED, "fail2ban", 2))
def test_fail2ban_reads_a_refused_sign_in(log_of: LogOf, log_format: str, address: str) -> None:
    log = log_of(log_format, address, "ada")
    assert banned(log) == [address]
    assert banned(log, "desk postmaster[4711]: ") == [address]


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_a_hostile_name_or_path_forges_no_line(log_of: LogOf, log_format: str) -> None:
    log = log_of(log_format, ADDRESS, *HOSTILE_NAMES)
    assert banned(log) == [ADDRESS] * len(HOSTILE_NAMES)
    assert len(log.splitlines()) == 2 * len(HOSTILE_NAMES)
    assert "\x1b" not in log
