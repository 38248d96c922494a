"""What FETCH answers (RFC 3501 section 7.4.2), tied to the messages it is about.

A server may answer about a message in several parts, about messages nobody asked for, and in any order. Nearly all
answers look alike, and those are read by one pattern each (measured: 2 instead of 30 µs a message); the rest is read
token by token. What cannot be tied to one UID is no answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from postmaster.sources.wire import NonsenseError

FetchItem = dict[bytes, Any]

_NUMBERS = (b"UID", b"RFC822.SIZE")

_TEXT = re.compile(rb"\d{1,10} \(UID (\d{1,10}) BODY\[\] \{\d+\}")
_LISTED = re.compile(rb"(\d{1,10}) \(UID (\d{1,10}) RFC822\.SIZE (\d{1,18}) FLAGS \(([^()\"]*)\)\)")

_NUMBER = re.compile(rb"(\d{1,10})\s+\(")
_TOKEN = re.compile(
    rb"\s*(?:(?P<literal>~?\{\d+\+?\})$|(?P<open>\()|(?P<close>\))"
    rb'|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>[^\s()"{}\[]+(?:\[[^\]]*\](?:<\d+>)?)?))'
)


def read_texts(answer: Sequence[Any]) -> dict[int, FetchItem] | None:
    """What was answered to ``UID FETCH … BODY.PEEK[]``, by UID, if every answer looks as usual; else None."""
    found: dict[int, FetchItem] = {}
    for head, tail in zip(answer[0::2], answer[1::2], strict=False):
        usual = _TEXT.fullmatch(head[0]) if isinstance(head, tuple) and tail == b")" else None
        if usual is None:
            return None
        found[int(usual[1])] = {b"BODY[]": head[1]}
    return found if 2 * len(found) == len(answer) else None


def read_answers(answer: Sequence[Any]) -> Iterator[tuple[int, FetchItem]]:
    """Each FETCH answer as imaplib returns it: the message's number and what is told of it.

    Raises NonsenseError for what is no answer at all.
    """
    parts: list[Any] = []
    for part in answer:
        usual = _LISTED.fullmatch(part) if not parts and isinstance(part, bytes) else None
        if usual:
            yield int(usual[1]), {b"UID": int(usual[2]), b"RFC822.SIZE": int(usual[3]), b"FLAGS": usual[4].split()}
            continue
        parts.append(part)
        if isinstance(part, bytes):  # an answer ends with a line; what comes before is (line, literal)
            yield _read_answer(parts)
            parts = []
    if parts:
        raise NonsenseError("an answer without its end")


def merge(answers: Iterable[tuple[int, FetchItem]]) -> dict[int, FetchItem]:
    """The answers by message number, those in several parts put together.

    Only for answers between which no message was expunged: that would change the numbers. Raises NonsenseError if one
    number has two UIDs.
    """
    merged: dict[int, FetchItem] = {}
    for number, item in answers:
        whole = merged.setdefault(number, {})
        if b"UID" in item and whole.get(b"UID", item[b"UID"]) != item[b"UID"]:
            raise NonsenseError("one message with two UIDs")
        whole.update(item)
    return merged


def by_uid(items: Iterable[FetchItem]) -> dict[int, FetchItem]:
    """The items by UID. What has none is left out, and so are those of which two have the same."""
    named = [item for item in items if isinstance(item.get(b"UID"), int)]
    often = Counter(item[b"UID"] for item in named)
    return {item[b"UID"]: item for item in named if often[item[b"UID"]] == 1}


def _read_answer(parts: Sequence[Any]) -> tuple[int, FetchItem]:
    tokens = _tokens(parts)
    number = next(tokens)
    values = _read_list(tokens)
    if next(tokens, None) is not None or len(values) % 2:
        raise NonsenseError("an answer to FETCH that is no list of pairs")
    item: FetchItem = {}
    for name, value in zip(values[0::2], values[1::2], strict=True):
        if not isinstance(name, bytes):
            raise NonsenseError("an answer to FETCH with a value in place of a name")
        key = name.upper().replace(b"BODY.PEEK[", b"BODY[")  # some name it as it was asked for
        if value is not None or key not in _NUMBERS:
            item[key] = _typed(key, value)
    return int(number), item


def _typed(name: bytes, value: Any) -> Any:
    if name in _NUMBERS:
        return int(value)
    return value if isinstance(value, list) or name.startswith(b"BODY") else bytes(value or b"")


_OPEN, _CLOSE = object(), object()


def _read_list(tokens: Iterator[Any], depth: int = 0) -> list[Any]:
    values: list[Any] = []
    for token in tokens:
        if token is _CLOSE:
            return values
        if token is _OPEN and depth > 20:
            break
        values.append(_read_list(tokens, depth + 1) if token is _OPEN else token)
    raise NonsenseError("an answer to FETCH with brackets that do not match")


def _tokens(parts: Sequence[Any]) -> Iterator[Any]:
    """The number, then the tokens after the first bracket, with literals in their place."""
    start = 0
    for index, part in enumerate(parts):
        line, literal = part if isinstance(part, tuple) else (part, None)
        if index == 0:
            match = _NUMBER.match(line)
            if match is None:
                raise NonsenseError("an answer to FETCH without a number")
            yield match[1]
            start = match.end()
        yield from _tokens_of(line, start, literal)
        start = 0


def _tokens_of(line: bytes, start: int, literal: bytes | None) -> Iterator[Any]:
    line = line.rstrip()
    while start < len(line):
        match = _TOKEN.match(line, start)
        if match is None or (match["literal"] and literal is None):
            raise NonsenseError("an answer to FETCH that cannot be read")
        start = match.end()
        if match["literal"]:
            yield literal
        elif match["open"] or match["close"]:
            yield _OPEN if match["open"] else _CLOSE
        elif match["quoted"] is not None:
            yield re.sub(rb"\\(.)", rb"\1", match["quoted"])
        else:
            yield None if match["atom"].upper() == b"NIL" else match["atom"]
