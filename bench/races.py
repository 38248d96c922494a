"""Benches in which contenders take turns on one mailbox: the floor, ourselves, and other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench.contenders import (
    USER,
    Contender,
    DurablePostgres,
    FlaskFetch,
    Floor,
    WaitingImap,
    WaitingPop3,
)
from bench.peers import Peer, PlacedPeer, imap_peers, pop3_peers, pypi_programs
from bench.plan import Plan
from bench.results import Check, Line, Result, ratio
from bench.throughput import Laps, race
from tests.servers.delay import DelayProxy
from tests.servers.dovecot import Dovecot

RATE = "messages/s"
DISTANCE = 40.0
"""Milliseconds of a round trip to the server that is far away."""

# How many times as fast as each over IMAP it has to be.
IMAP_GOALS = {"mbsync": 3.0, "fetchmail": 12.0, "getmail6": 20.0, "django-mailbox": 15.0}
POP3_GOALS = {"mpop": 2.5}


@contextmanager
def mailbox() -> Iterator[Dovecot]:
    """A server with the mailbox of all contenders."""
    with Dovecot() as server:
        server.add_user(USER)
        yield server


def imap(plan: Plan) -> Result:
    """Both databases beside the floor."""
    with mailbox() as server, DurablePostgres() as postgres:
        contenders = (
            Floor(server),
            FlaskFetch("SQLite", server, plan.folder / "sqlite"),
            FlaskFetch("PostgreSQL", server, plan.folder / "postgres", postgres.create_database()),
        )
        lines = _lines(plan, race(server, plan.sizes["messages"], contenders, plan.rounds, plan.say))
    checks = [
        Check(f"IMAP, {name}, against the floor", ratio(lines, name, "floor"), goal)
        for name, goal in (("SQLite", 1 / 2), ("PostgreSQL", 1 / 3))
    ]
    return Result(RATE, lines, checks)


def peers(plan: Plan) -> Result:
    """SQLite over IMAP beside those that keep mail over IMAP."""
    found = list(imap_peers(pypi_programs(plan.folder)))
    return _against(plan, "IMAP", found, IMAP_GOALS)


def pop3(plan: Plan) -> Result:
    """SQLite over POP3 beside those that keep mail over POP3."""
    return _against(plan, "POP3", list(pop3_peers()), POP3_GOALS)


def _against(plan: Plan, kind: str, found: Sequence[Peer], goals: dict[str, float]) -> Result:
    with mailbox() as server:
        ours = FlaskFetch("PostMaster", server, plan.folder / "ours", kind=kind)
        place = partial(PlacedPeer, port=server.port(kind.lower()))
        contenders: list[Contender] = [ours, *(place(peer, plan.folder / peer.name) for peer in found)]
        laps = race(server, plan.sizes["messages"], contenders, plan.rounds, plan.say)
    lines = _lines(plan, laps)
    measured = {peer.name for peer in found}
    checks = [
        Check(f"{kind} against {name}", ratio(lines, "PostMaster", name), goal)
        for name, goal in goals.items()
        if name in measured
    ]
    return Result(RATE, lines, checks, [f"{name} is missing here." for name in goals if name not in measured])


def distance(plan: Plan) -> Result:
    """Both protocols at a server that is far away, beside fetchers that wait for each reply."""
    with mailbox() as server, DelayProxy(DISTANCE, [server.port("imap"), server.port("pop3")]) as proxy:
        ports = {kind: proxy.port(server.port(kind.lower())) for kind in ("IMAP", "POP3")}
        contenders: Sequence[Contender] = (
            WaitingImap(ports["IMAP"]),
            WaitingPop3(ports["POP3"]),
            *(FlaskFetch(kind, server, plan.folder / kind, kind=kind, port=port) for kind, port in ports.items()),
        )
        lines = _lines(plan, race(server, plan.sizes["messages"], contenders, plan.rounds, plan.say))
    checks = [
        Check(f"{kind}, {DISTANCE:g} ms away, against waiting", ratio(lines, kind, waiting.name), 4)
        for kind, waiting in (("IMAP", WaitingImap), ("POP3", WaitingPop3))
    ]
    return Result(RATE, lines, checks)


def _lines(plan: Plan, laps: Laps) -> list[Line]:
    count = plan.sizes["messages"]
    return [Line(name, tuple(count / lap.seconds for lap in rounds)) for name, rounds in laps.items()]
