"""Computing that somebody else's text may make endless: in a child process with little memory and time.

What is to be computed is a function ``confined`` of a file that imports nothing of PostMaster, so that the child starts
in some 50 ms. It gets none of our settings, and so no secret.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE

# What the child ends with when its memory does not suffice.
EXIT_MEMORY = 3

# How much longer than it may compute a child may take in all, when others compute as well.
START_SECONDS = 2.0


class TooMuchError(Exception):
    """It takes more than it may."""


class NotNowError(Exception):
    """No child could be started, or the machine was too busy: another time it may do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take: whole ``seconds`` of computing, and memory beyond what Python itself takes."""

    seconds: int
    megabytes: int


def environ_without_settings() -> dict[str, str]:
    """The environment for a process that reads what others wrote: it has no setting of ours, and so no secret."""
    return {name: value for name, value in os.environ.items() if not name.startswith("POSTMASTER_")}


def compute(file: str, question: bytes, limits: Limits) -> bytes:
    """What ``confined(question)`` of ``file`` gives. Raises TooMuchError or NotNowError."""
    command = [sys.executable, "-I", __file__, file, str(limits.seconds), str(limits.megabytes)]
    environ = environ_without_settings()
    try:
        child = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environ)  # noqa: S603 - ours
    except OSError as error:
        raise NotNowError from error
    with child:
        try:
            answer, _ = child.communicate(question, timeout=limits.seconds + START_SECONDS)
        except subprocess.TimeoutExpired:
            raise _late(child, limits) from None
    if child.returncode != 0:
        raise TooMuchError
    return answer


def _late(child: subprocess.Popen[bytes], limits: Limits) -> TooMuchError | NotNowError:
    """End ``child``, and say why it had not ended: by itself, or because it hardly had its turn to compute."""
    os.kill(child.pid, signal.SIGKILL)  # child.kill() would first ask whether it has ended, and take that word away
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    computed = usage.ru_utime + usage.ru_stime
    return TooMuchError() if computed >= limits.seconds / 4 else NotNowError()


def _main(file: str, seconds: str, megabytes: str) -> int:
    import runpy

    function = runpy.run_path(file)["confined"]
    question = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_mapped() + (int(megabytes) << 20),) * 2)
    try:
        answer = function(question)
    except MemoryError:
        return EXIT_MEMORY
    sys.stdout.buffer.write(answer)
    return 0


def _mapped() -> int:
    """Bytes of address space that this process has by now; where the system does not say, a usual number."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 512 << 20
    return pages * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
