"""The parser in a process of its own: messages come by its standard input, what was read of them leaves by its output.

It is run as a file, ``python -I child.py``, and imports nothing but this folder: so it starts in 0.1 s, takes 20 MB,
and holds no setting and no secret. It ends when its input ends, which is as soon as whoever started it is gone.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import IO, NamedTuple

PROCESSOR_SECONDS = 60
"""What reading a message may take before the kernel ends the process with ``TOO_LONG`` (a usual one takes 0.3 ms)."""

TOO_LONG = signal.SIGPROF

_HEAD = struct.Struct("!QQ")
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Frame(NamedTuple):
    """A message, or what was read of it: the answer has the number of its question."""

    number: int
    data: bytes


END = Frame(0, b"")
"""Ends a batch; the process says it once itself, when it is ready."""


def write_frame(stream: IO[bytes], frame: Frame) -> None:
    """Write ``frame``, which ``stream`` may still hold back."""
    stream.write(_HEAD.pack(frame.number, len(frame.data)))
    stream.write(frame.data)


def read_frame(stream: IO[bytes]) -> Frame:
    """The next frame. Raises EOFError if there is none, or not all of it."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise EOFError
    number, size = _HEAD.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return Frame(number, data)


def answer(questions: IO[bytes], answers: IO[bytes], read: Callable[[bytes], bytes]) -> None:
    """Answer until ``questions`` end. A batch is taken whole before its first answer, so that nobody waits for a writer
    who waits for them.

    What cannot be read is answered with nothing: whoever asked reads it once more, and sees what is wrong with it.
    """
    with suppress(EOFError, BrokenPipeError):
        _send(answers, END)
        while True:
            batch = [*iter(lambda: read_frame(questions), END)]
            for number, raw in batch:
                signal.setitimer(signal.ITIMER_PROF, PROCESSOR_SECONDS)
                _send(answers, Frame(number, _read(raw, read)))


def _send(answers: IO[bytes], frame: Frame) -> None:
    write_frame(answers, frame)
    answers.flush()


def _read(raw: bytes, read: Callable[[bytes], bytes]) -> bytes:
    try:
        return read(raw)
    except Exception:  # MemoryError included: that is for whoever asked to judge
        return b""


def _main() -> None:
    for number in _STOP_SIGNALS:  # a stop is for whoever started this: it ends in order, and this one with it
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # if memory gets short, this process is the one to lose: nothing is lost with it
        Path("/proc/self/oom_score_adj").write_text("800")
    questions, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    package = ModuleType("postmaster")  # the one of this name would bring Flask and SQLAlchemy, which take 0.7 s
    package.__path__ = [str(Path(__file__).parents[1])]
    sys.modules[package.__name__] = package
    gc.disable()  # nothing that is imported is garbage (measured: 4 of 74 ms)
    from postmaster.parsing.parcel import pack_message
    from postmaster.parsing.parser import parse_message

    gc.set_threshold(10_000)
    gc.freeze()
    gc.enable()
    answer(questions, answers, lambda raw: pack_message(parse_message(raw)))


if __name__ == "__main__":
    _main()
