"""Parsing of batches in a process of its own, where many wait: the threads of a run share one interpreter.

Measured on two cores: parsing is a third of the processor time that a message takes here, and goes on beside the rest.
Whatever becomes of the process, its messages are read here instead, so it can neither lose nor double any.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fcntl import F_SETPIPE_SZ, fcntl
from itertools import count
from select import POLLIN, poll
from subprocess import DEVNULL, PIPE
from threading import BoundedSemaphore, Timer
from typing import NamedTuple

from postmaster.confined import environ_without_settings
from postmaster.logs import Logger
from postmaster.parsing import child
from postmaster.parsing.child import END, PROCESSOR_SECONDS, TOO_LONG, Frame, read_frame, write_frame
from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.parcel import unpack_message

# Listed messages above which a process is started: it takes 0.1 s of a processor, and each message saves 0.25 ms.
BACKLOG = 300

# Bytes of a message above which it is read here, so that no more than a batch is in memory twice.
LARGEST = 1024 * 1024

# Seconds for a batch, after which the process is given up, whatever keeps it from answering.
BATCH_SECONDS = 120

# More than Linux gives to a pipe by itself: a message fits in, so that whoever writes need not wait for the reader, and
# many answers are read at once: a thread that reads lets go of the interpreter, and waits to have it again.
_PIPE_BYTES = 256 * 1024

# What a process ends with that has met something it cannot stand. Who kills it otherwise has nothing against a message.
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
_OWN_FAULTS = {
    **dict.fromkeys(_CRASHES, "Reading it crashes the parser ({name})."),
    TOO_LONG: "Reading it takes more than {seconds} seconds of processor time.",
}

# As many processes as there are cores beside the one that fetches, whatever the number of accounts at once.
_slots = BoundedSemaphore((os.cpu_count() or 1) - 1)

log = Logger("postmaster.fetch")


class Reading(NamedTuple):
    """What was read of a message, or why nothing was."""

    message: ParsedMessage | None
    flaw: str = ""


class BatchParser:
    """Reads the messages of one run, a batch at a time; only one thread at once may use it."""

    def __init__(self) -> None:
        self._process: _ParseProcess | None = None

    @property
    def pid(self) -> int | None:
        """The id of its process, if it has one."""
        return self._process.pid if self._process else None

    def expect(self, messages: int) -> None:
        """That so many messages wait: if that is worth it, have a process ready by the time that some are there."""
        if self._process is not None or messages <= BACKLOG or not _slots.acquire(blocking=False):
            return
        try:
            self._process = _ParseProcess()
        except Exception as error:  # whatever is the matter, all can be read here
            log.warning("no process to read mail in, it is read here", code="parser-not-started", error=repr(error))
        finally:
            if self._process is None:
                _slots.release()

    def readings(self, raws: Sequence[bytes]) -> Iterator[Reading | None]:
        """What the process reads of each of ``raws``, in their order. None: it is to be read here."""
        answers = self._answers([raw for raw in raws if len(raw) <= LARGEST])
        for raw in raws:
            yield next(answers, None) if len(raw) <= LARGEST else None

    def close(self) -> int:
        """End the process; returns what it ended with: 0 if there was none."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        try:
            return process.end()
        finally:
            _slots.release()

    def _answers(self, raws: Sequence[bytes]) -> Iterator[Reading | None]:
        """As many answers as there are: fewer if the process ends, none if it is not ready yet."""
        given = 0
        try:
            if self._process is None or not raws or not self._process.is_ready():
                return
            for message in self._process.ask(raws):
                given += 1
                yield Reading(message) if message else None
        except Exception as error:  # whatever comes of it, the rest is read here
            asked = self._process is not None and self._process.is_asked
            ended = self.close()
            log.warning(
                "the process that read mail ended, it is read here",
                code="parser-ended", ended=ended, left=len(raws) - given, error=repr(error),
            )  # fmt: skip
            if asked and _fault(ended):  # else it was over no message
                yield _read_again(raws[given], ended)
        finally:
            if given < len(raws) and self._process is not None and self._process.is_asked:
                self.close()  # nobody waits for the rest of its answers


def _read_again(raw: bytes, ended: int) -> Reading | None:
    """What becomes of a message that a process ended at with ``ended``. None: it is to be read here.

    A library replaced meanwhile, or a failing disk, crashes a process as well: a message is to blame for it if a fresh
    one crashes at it, too. Nothing but the message takes processor time, so that is not tried once more.
    """
    if -ended == TOO_LONG:
        return Reading(None, _fault(ended))
    try:
        process = _ParseProcess()
    except Exception as error:
        log.warning("no second process to read it in", code="parser-not-started", error=repr(error))
        return None
    try:
        process.wait_ready()
        [message] = process.ask([raw])
        return Reading(message) if message else None
    except Exception as error:
        ended = process.end()
        log.warning("a second process ended at it as well", code="parser-ended", ended=ended, error=repr(error))
        return Reading(None, _fault(ended)) if process.is_asked and _fault(ended) else None
    finally:
        process.end()


def _fault(ended: int) -> str:
    """What to say of the message that a process ended at, if it was the message's fault."""
    with suppress(ValueError):
        number = signal.Signals(-ended)
        return _OWN_FAULTS.get(number, "").format(name=number.name, seconds=PROCESSOR_SECONDS)
    return ""


class _ParseProcess:
    """The process, and the pipes to it. Raises OSError if it cannot be started.

    It is in a group of its own: a Ctrl-C is for this process alone. PR_SET_PDEATHSIG would end it with the thread that
    started it, and is not needed: with this process its input ends.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, "-I", child.__file__],
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, bufsize=_PIPE_BYTES,
            env=environ_without_settings(), process_group=0,
        )  # fmt: skip
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("there are no pipes")
        self._questions, self._answers = self._process.stdin, self._process.stdout
        for pipe in (self._questions, self._answers):
            with suppress(OSError):  # who has very many pipes may not have larger ones
                fcntl(pipe, F_SETPIPE_SZ, _PIPE_BYTES)
        self.pid = self._process.pid
        self._numbers = count(1)
        self._ready = False
        self.is_asked = False  # it has a batch of which there are answers to come

    def is_ready(self) -> bool:
        """Whether it can be asked. Raises EOFError if it ended before."""
        if not self._ready:
            waiting = poll()
            waiting.register(self._answers, POLLIN)
            self._ready = bool(waiting.poll(0)) and read_frame(self._answers) == END
        return self._ready

    def wait_ready(self) -> None:
        """Wait until it can be asked. Raises EOFError if it ends before."""
        with self._watched():
            self._ready = self._ready or read_frame(self._answers) == END

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Give the process up if the block takes longer than a batch may."""
        watch = Timer(BATCH_SECONDS, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def ask(self, raws: Sequence[bytes]) -> Iterator[ParsedMessage | None]:
        """What it reads of each; None for what it could not. Raises what a broken pipe or answer raises."""
        with self._watched():
            numbers = [next(self._numbers) for _ in raws]
            for number, raw in zip(numbers, raws, strict=True):
                write_frame(self._questions, Frame(number, raw))
            write_frame(self._questions, END)
            self._questions.flush()
            self.is_asked = True
            for number in numbers:
                yield self._answer(number)
            self.is_asked = False

    def _answer(self, number: int) -> ParsedMessage | None:
        """The answer with that number; any other is none: one message must never be taken for another."""
        answered, data = read_frame(self._answers)
        if answered != number:
            raise ValueError("an answer to something else")
        # Whoever sends it runs our code, under our user, at the other end of a pipe that nobody else holds.
        return unpack_message(data) if data else None

    def end(self) -> int:
        """End it, if it has not ended; returns what it ended with."""
        self._process.kill()
        for stream in (self._questions, self._answers):
            with suppress(OSError):
                stream.close()
        return self._process.wait()
