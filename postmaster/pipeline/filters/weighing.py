"""Compiling patterns. It runs in a child process as well (``postmaster.confined``), so it imports nothing of ours."""

from __future__ import annotations

from pathlib import Path

import regex


def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """``pattern``, compiled as conditions are tried: without regard to case."""
    return regex.compile(pattern, regex.IGNORECASE, cache_pattern=False)


def confined(question: bytes) -> bytes:
    """The bytes it takes to compile the pattern in ``question``; ``compile_pattern`` says what is no pattern."""
    before = _bytes()
    kept = None
    try:
        kept = compile_pattern(question.decode(errors="surrogatepass"))
    except MemoryError:
        raise
    except Exception:  # noqa: S110 - whoever asked meets the same one, within the same memory
        pass
    weight = max(_bytes() - before, 0)
    del kept
    return str(weight).encode()


def _bytes() -> int:
    """The address space of this process, as a multiple of 4 kB; nothing where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    except OSError:
        return 0
