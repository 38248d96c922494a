"""The text of a message is read by the block as it would be line by line, however it comes."""

from __future__ import annotations

import io
import poplib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postmaster.sources.pop3_text import text_blocks

PIECES = (b"\r\n", b"\n", b"\r", b".", b"..", b".\r\n", b"\r\n.", b"\r\n.\r\n", b"\n.\n", b"x", b"a line", b"+OK")
SENT = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)


class Line(io.RawIOBase):
    """What a server sends, in ``packets``."""

    def __init__(self, packets: Sequence[bytes]) -> None:
        self._packets = [packet for packet in packets if packet]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._packets:
            return 0
        packet, more = self._packets[0][: len(buffer)], self._packets[0][len(buffer) :]
        self._packets[:1] = [more] if more else []
        buffer[: len(packet)] = packet
        return len(packet)


def plainly(sent: bytes) -> tuple[bytes, bytes] | None:
    """The text, and what follows it, line by line; None if it does not end."""
    text, file = b"", io.BytesIO(sent)
    for line in file:
        if line == b".\r\n":
            return text, file.read()
        if not line.endswith(b"\n"):
            break
        text += line.removeprefix(b".")
    return None


def read(packets: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    file = io.BufferedReader(Line(packets), 8)
    try:
        text = b"".join(block for block, _ in text_blocks(file))
    except poplib.error_proto:
        return None
    return text, file.read()


def cut(sent: bytes, places: Sequence[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(sent) + 1) for place in places), len(sent)]
    return [sent[start:end] for start, end in pairwise(bounds)]


@settings(max_examples=500)
@given(SENT, st.lists(st.integers(0, 100), max_size=6))
def test_blocks_are_what_lines_are(sent: bytes, places: list[int]) -> None:
    assert read(cut(sent, places)) == plainly(sent)


@pytest.mark.parametrize("text", [b"", b"\r\n", b".dot\r\n", b"a\r\n" * 10_000, b"x" * 100_000 + b"\n", b".\n"])
def test_what_was_sent_is_counted_with_its_dots(text: bytes) -> None:
    sent = b"".join(b"." + line if line.startswith(b".") else line for line in text.splitlines(keepends=True))
    blocks = list(text_blocks(io.BufferedReader(Line([sent + b".\r\n+OK next\r\n"]))))
    assert b"".join(block for block, _ in blocks) == text
    assert sum(size for _, size in blocks) == len(sent)
