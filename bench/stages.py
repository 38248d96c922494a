"""Where the processor time of a message goes: in the threads and processes of ``flask fetch``, in the mail server, in
the database; beside the floor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping

from bench.contenders import USER, DurablePostgres, FlaskFetch, Floor
from bench.mailbag import realistic_mail
from bench.plan import Plan
from bench.processor import family_seconds
from bench.races import mailbox
from bench.results import Line, Result
from tests.servers.dovecot import Dovecot
from tests.servers.process import Server

MICRO = 1_000_000

# The command, which says at its end what each of its threads has used (proc(5), "schedstat"), by what its name begins
# with, and what its children have.
FETCH = """
import json, resource, sys, threading, time
from collections import Counter
from flask.cli import main

used = {}

def watch():
    while True:
        for thread in threading.enumerate():
            try:
                with open(f"/proc/self/task/{thread.native_id}/schedstat") as told:
                    used[thread.native_id] = (thread.name.partition("_")[0], int(told.read().split()[0]))
            except OSError:
                pass
        time.sleep(0.005)

threading.Thread(target=watch, name="watch", daemon=True).start()
sys.argv = ["flask", "fetch", "--json"]
try:
    main()
finally:
    seconds = Counter()
    for name, nanoseconds in used.values():
        seconds[name] += nanoseconds / 1e9
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps(seconds | {"process": children.ru_utime + children.ru_stime}), file=sys.stderr)
"""

# What of the command's own is told, by how its threads are called: what is left are its start and this measuring.
STAGES = {
    "fetch": "reading and deleting",
    "parse": "handing over to the parser",
    "process": "parser, a process of its own",
    "record": "deciding and recording",
}


def stages(plan: Plan) -> Result:
    """The floor, then both databases, on the same mail."""
    count = plan.sizes["messages"]
    found: dict[str, list[float]] = {}
    with mailbox() as server, DurablePostgres() as postgres:
        floor = Floor(server)
        desks = {
            "SQLite": (FlaskFetch("SQLite", server, plan.folder / "sqlite"), None),
            "PostgreSQL": (FlaskFetch("PostgreSQL", server, plan.folder / "pg", postgres.create_database()), postgres),
        }
        for number in range(1, plan.rounds + 1):
            mail = list(realistic_mail(count, seed=number))
            server.deliver_many(USER, mail)
            rows = Counter({f"floor, {what}": seconds for what, seconds in _floor(floor, server)})
            for name, (desk, database) in desks.items():
                server.deliver_many(USER, mail)
                rows |= {f"{name}, {what}": seconds for what, seconds in _fetch(desk.environ, server, database)}
            for name, seconds in rows.items():
                found.setdefault(name, []).append(seconds * MICRO / count)
            plan.say(f"round {number}: {', '.join(f'{name} {values[-1]:.0f}' for name, values in found.items())}")
    lines = [Line(name, tuple(values)) for name, values in found.items()]
    return Result("µs of processor time a message", lines, notes=list(_notes(lines)))


def _floor(floor: Floor, server: Dovecot) -> Iterator[tuple[str, float]]:
    before, own = _used(server), time.process_time()
    floor.empty_mailbox()
    yield "client", time.process_time() - own
    yield "mail server", _used(server) - before


def _fetch(environ: Mapping[str, str], server: Dovecot, database: Server | None) -> Iterator[tuple[str, float]]:
    """What each stage has used, in seconds. Raises RuntimeError if mail was left."""
    before = _used(server), _used(database) if database else 0.0
    command = [sys.executable, "-c", FETCH]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    if server.count(USER):
        raise RuntimeError(f"not all was taken: {done.stdout[-500:]}")
    told = json.loads(done.stderr.splitlines()[-1])
    yield from ((what, told[name]) for name, what in STAGES.items() if told.get(name))
    if database:
        yield "database server", _used(database) - before[1]
    yield "mail server", _used(server) - before[0]


def _notes(lines: list[Line]) -> Iterator[str]:
    totals: Counter[str] = Counter()
    for line in lines:
        totals[line.name.partition(",")[0]] += round(line.median)
    cores = os.cpu_count() or 1
    for name, total in totals.items():
        most = cores * MICRO / total
        yield f"{name}: {total:,} µs in all, so {cores} cores can do {most:,.0f} messages/s at the very most."


def _used(server: Server) -> float:
    """Seconds of processor time that the server has used with all its processes."""
    assert server.process is not None
    return family_seconds(server.process.pid)
