"""How much memory ``flask fetch`` takes at its peak, whatever is in the mailbox."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping

from bench.contenders import USER, FlaskFetch
from bench.plan import Plan
from bench.races import mailbox
from bench.results import Check, Line, Result, ratio
from tests.servers.dovecot import Dovecot

MEBIBYTE = 1 << 20
KINDS = ("IMAP", "POP3")

# The command, and at its end what it and the process in which it reads mail took at most (proc(5)): what the kernel
# tells of a child counts its parent, too.
FETCH = """
import sys
from flask.cli import main
from postmaster.fetching.batch_parser import BatchParser

def peak(process):
    line = next(line for line in open(f"/proc/{process}/status") if line.startswith("VmHWM"))
    return int(line.split()[1])

def close(parser, close=BatchParser.close):
    beside.extend([peak(parser.pid)] if parser.pid else [])
    return close(parser)

beside = [0]
BatchParser.close = close
sys.argv = ["flask", "fetch", "--json"]
try:
    main()
finally:
    print(peak("self") + max(beside), file=sys.stderr)
"""

SMALL_BYTES = 4_000
LARGE_BYTES = 16 * MEBIBYTE - 4096


def memory(plan: Plan) -> Result:
    """Few messages, many of the same, and large ones, by both protocols; each lap is a command of its own."""
    shapes = {
        "few": (plan.sizes["few"], SMALL_BYTES),
        "many": (plan.sizes["many"], SMALL_BYTES),
        "large": (plan.sizes["large"], LARGE_BYTES),
    }
    peaks: dict[str, list[float]] = {}
    with mailbox() as server:
        desks = {kind: FlaskFetch(kind, server, plan.folder / kind, kind=kind) for kind in KINDS}
        for _ in range(plan.rounds):
            for shape, (count, size) in shapes.items():
                for kind, desk in desks.items():
                    server.deliver_many(USER, messages(count, size))
                    name = f"{kind}, {shape}: {count:,} of {size // 1000:,} KB"
                    peaks.setdefault(name, []).append(_peak(desk.environ, server, count))
                    plan.say(f"{name}: {peaks[name][-1]:.0f} MiB")
    lines = [Line(name, tuple(values)) for name, values in peaks.items()]
    few, many, large = (lines[start : start + len(KINDS)] for start in range(0, len(lines), len(KINDS)))
    checks = [
        Check(f"{kind}: many messages against few", ratio(lines, much.name, little.name), 1.1, at_most=True)
        for kind, little, much in zip(KINDS, few, many, strict=True)
    ]
    checks += [
        Check(f"{kind}: messages of 16 MB, MiB", line.median, 250, at_most=True)
        for kind, line in zip(KINDS, large, strict=True)
    ]
    return Result("MiB at the peak", lines, checks)


def messages(count: int, size: int) -> Iterator[bytes]:
    """So many different messages of ``size`` bytes; the large ones are a file each."""
    line = b"UG9zdE1hc3RlciBtYWtlcyB0aWNrZXRzIG9mIG1haWwsIGV4YWN0bHkgb25jZSwgYWx3YXlzLi4=\r\n"
    for number in range(count):
        head = b"From: ann%d@example.net\r\nSubject: Order %d\r\nMessage-ID: <%d@memory>\r\n" % (number, number, number)
        if size > MEBIBYTE:
            head += b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n"
        yield head + b"\r\n" + line * ((size - len(head)) // len(line))


def _peak(environ: Mapping[str, str], server: Dovecot, count: int) -> float:
    """Mebibytes. Raises RuntimeError if not all messages were taken."""
    command = [sys.executable, "-c", FETCH]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    if json.loads(done.stdout)["totals"]["new"] != count or server.count(USER):
        raise RuntimeError(f"not all of {count} messages were taken: {done.stdout[-500:]}")
    return int(done.stderr.split()[-1]) / 1024
