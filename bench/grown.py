"""What a message costs when a million tickets are stored, beside an empty database."""

from __future__ import annotations

from bench.contenders import DurablePostgres, FlaskFetch
from bench.desks import desk, environment
from bench.plan import Plan
from bench.races import mailbox
from bench.results import Check, Line, Result, ratio
from bench.stock import Stock, fill
from bench.throughput import race


def grown(plan: Plan) -> Result:
    """``flask fetch`` on the same mailbox in turns: each database empty, and each filled."""
    tickets, rows, count = (plan.sizes[name] for name in ("tickets", "rows", "messages"))
    with mailbox() as server, DurablePostgres() as postgres:
        contenders = []
        for name, url in (("SQLite", str), ("PostgreSQL", postgres.create_database)):
            for state in ("empty", "filled"):
                folder, address = plan.folder / f"{name}-{state}", url()
                contenders.append(FlaskFetch(f"{name}, {state}", server, folder, address))
                if state == "filled":
                    plan.say(f"{name}: storing {tickets:,} tickets and {rows:,} rows of the ledger")
                    with desk(environment(folder, address)) as app:
                        fill(app, Stock(tickets, rows, accounts=0), plan.say)
        laps = race(server, count, contenders, plan.rounds, plan.say)
    lines = [Line(name, tuple(lap.seconds / count * 1_000_000 for lap in rounds)) for name, rounds in laps.items()]
    checks = [
        Check(f"{name}: a message at {tickets:,} tickets", ratio(lines, f"{name}, filled", f"{name}, empty"), 1.2, True)
        for name in ("SQLite", "PostgreSQL")
    ]
    return Result("µs a message", lines, checks)
