"""Many accounts that have no mail: how long it takes to look at all of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from bench import contenders
from bench.desks import add_accounts, desk, environment
from bench.plan import Plan
from bench.results import Check, Line, Result
from postmaster.database import read_session
from postmaster.ledger.models import FetchRun
from postmaster.system.settings import SESSIONS_PER_HOST
from tests.servers.certificates import Authority
from tests.servers.delay import DelayProxy
from tests.servers.dovecot import Dovecot

AWAY = 40.0
"""Milliseconds of a round trip to the server that is far away."""

# Seconds within which a thousand accounts have to be polled, by the milliseconds of a round trip.
GOALS = {0: 30.0, AWAY: 60.0}
ASKED = 1000


class Poll(NamedTuple):
    """One command: seconds of it all, and of the processor."""

    seconds: float
    processor: float


def polling(plan: Plan) -> Result:
    """All accounts by one ``flask fetch``, at a server that is here and one that is away, on one host each."""
    count = plan.sizes["accounts"]
    authority = Authority(plan.folder / "ca")
    certificate = authority.issue("server", ["127.0.0.1"])
    with Dovecot(certificates={"127.0.0.1": certificate}) as server, DelayProxy(AWAY, [server.port("imaps")]) as proxy:
        for number in range(count):
            server.add_user(f"user{number}")
        ports = {0: server.port("imaps"), AWAY: proxy.port(server.port("imaps"))}
        place = partial(_desk, ca_file=authority.ca_file, count=count)
        desks = {away: place(plan.folder / f"desk{away:g}", port=port) for away, port in ports.items()}
        polls: dict[float, list[Poll]] = {away: [] for away in desks}
        for number in range(plan.rounds):
            for away, environ in desks.items():
                polls[away].append(_poll(environ, count))
                plan.say(f"round {number + 1}: {away:g} ms away: {polls[away][-1].seconds:.1f} s")
    sessions = max(_most_sessions(environ) for environ in desks.values())
    return _result(count, polls, sessions)


def _result(count: int, polls: Mapping[float, list[Poll]], sessions: int) -> Result:
    lines = [Line(f"{away:g} ms away", tuple(poll.seconds for poll in rounds)) for away, rounds in polls.items()]
    checks = [
        Check(f"{ASKED:,} accounts, {line.name}, seconds", line.median * ASKED / count, goal, at_most=True)
        for line, goal in zip(lines, GOALS.values(), strict=True)
    ]
    checks.append(Check("sessions at once on a host", sessions, SESSIONS_PER_HOST.default, at_most=True))
    processor = min(poll.processor for rounds in polls.values() for poll in rounds)
    note = f"A poll takes {processor / count * 1000:.0f} ms of processor time, with the start of the command."
    return Result(f"seconds for {count:,} accounts", lines, checks, [note])


def _desk(folder: Path, *, ca_file: Path, port: int, count: int) -> dict[str, str]:
    """The environment of an app with so many accounts that are valid."""
    environ = environment(folder, POSTMASTER_CA_FILE=str(ca_file))
    with desk(environ):
        add_accounts(count, "IMAPS", port)
    return environ


def _poll(environ: Mapping[str, str], count: int) -> Poll:
    """``flask fetch`` over all of them. Raises RuntimeError if one was not looked at."""
    before = os.times()
    said = contenders.flask(environ, "fetch", "--json")
    after = os.times()
    accounts = json.loads(said)["accounts"]
    if len(accounts) != count or any(account["error"] for account in accounts):
        raise RuntimeError("not all accounts were polled")
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Poll(after.elapsed - before.elapsed, processor)


def _most_sessions(environ: Mapping[str, str]) -> int:
    """How many runs were under way at the same time, by what they wrote down."""
    with desk(environ), read_session() as session:
        runs = session.execute(select(FetchRun.started_at, FetchRun.finished_at)).all()
    changes = sorted([(began, 1) for began, _ in runs] + [(ended, -1) for _, ended in runs if ended])
    under_way = most = 0
    for _, change in changes:
        under_way += change
        most = max(most, under_way)
    return most
