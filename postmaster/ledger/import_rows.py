"""The rows of ``export_rows`` read back: each field has a reader that says what is wrong with it.

All fields must be there and no others: what this version does not know would be lost without a word.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NoReturn

from postmaster.desk.models import LinkKind, SenderType
from postmaster.errors import InputError
from postmaster.extensions import Json
from postmaster.pipeline.verdict import Finding, SenderVerdict
from postmaster.resources.readers import InvalidValue, alternatives

Reader = Callable[[Any], Any]

MAX_NUMBER = 30

# Fields of a ticket that say something of other tickets: those may come later.
TIES = ("links", "merged_into")


def parse_line(line: bytes) -> Json:
    """The row that a line holds. Raises InputError."""
    try:
        row = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or row.get("kind") not in FIELDS:
        raise bad_line("is no ticket and no article in JSON")
    return row


def bad_line(flaw: str) -> InputError:
    """The error that something is wrong with a line as a whole."""
    return InputError("line", f"The line {flaw}.", "Take what flask ticket export wrote, as it is.", "bad-line")


def read_row(row: Json) -> Json:
    """The values of a row, as its columns hold them. Raises InputError naming the field."""
    fields = FIELDS[row["kind"]]
    for name in row.keys() - fields.keys() - {"kind"}:
        message = f"{name} is no field of a {row['kind']} that this version knows."
        raise InputError(name, message, "A newer version may have written it: import it there.", "unknown-field")
    return {name: _read(name, row, read) for name, read in fields.items()}


def _read(name: str, row: Json, read: Reader) -> Any:
    if name not in row:
        advice = "Take what flask ticket export of this version wrote, as it is."
        raise InputError(name, f"{name} is missing.", advice, "missing-field")
    try:
        return read(row[name])
    except InvalidValue as error:
        raise InputError(name, f"{name} {error.flaw}.", error.advice) from None


def digest_of(values: Json) -> bytes:
    """What the values of a row are compared by: all of them but what it says of other tickets."""
    kept = {name: value for name, value in values.items() if name not in TIES}
    text = json.dumps(kept, sort_keys=True, default=_as_text)
    return hashlib.sha256(text.encode()).digest()


def _as_text(value: object) -> str:
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _text(limit: int | None = None, *, filled: bool = False) -> Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidValue("is no text")
        if limit is not None and len(value) > limit:
            raise InvalidValue(f"has {len(value)} characters, but may have {limit} at most")
        if filled and not value.strip():
            raise InvalidValue("is empty")
        return _storable(value)

    return read


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValue("has half a surrogate pair, which no database keeps") from None
    if "\0" in text:
        raise InvalidValue("has a NUL character, which no database keeps")
    return text


def _number(value: Any) -> str:
    text: str = _text(MAX_NUMBER, filled=True)(value)
    if not text.isprintable() or text != text.strip():
        raise InvalidValue("is no number of a ticket")
    return text


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
        raise InvalidValue("is no whole number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("is neither true nor false")
    return value


def _moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is None:
            raise ValueError(value)
        return found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise InvalidValue("is no moment with its zone, as in 2026-11-23T09:30:00+00:00") from None


def _member(choices: type[StrEnum]) -> Reader:
    def read(value: Any) -> StrEnum:
        try:
            return choices(value)
        except ValueError:
            raise InvalidValue(f"must be {alternatives(tuple(choices))}") from None

    return read


def _optional(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _list(read: Reader) -> Reader:
    def read_all(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidValue("is no list")
        return [read(each) for each in value]

    return read_all


def _object(**fields: Reader) -> Reader:
    """An object with exactly these fields."""

    def read(value: Any) -> Json:
        if not isinstance(value, dict) or value.keys() != fields.keys():
            raise InvalidValue(f"is no object of {', '.join(fields)}")
        try:
            return {name: fields[name](each) for name, each in value.items()}
        except InvalidValue as error:
            raise InvalidValue(f"has a part that {error.flaw}", error.advice) from None

    return read


def _verdict(value: Any) -> Json:
    """A verdict on a sender; what it did not tell yet when it was written may be missing."""
    if not isinstance(value, dict) or not {"verdict"} <= value.keys() <= _VERDICT.keys():
        raise InvalidValue(f"is no object of {', '.join(_VERDICT)}")
    kept: Json = _object(**{name: _VERDICT[name] for name in value})(value)
    return kept


_VERDICT: Mapping[str, Reader] = {
    **{field.name: _text() for field in dataclasses.fields(SenderVerdict)},
    "verdict": _member(Finding),
}


def _texts_by_name(value: Any) -> Json:
    if not isinstance(value, dict):
        raise InvalidValue("is no object")
    return {_text()(name): _text()(each) for name, each in value.items()}


def _source(value: Any) -> bytes:
    try:
        return base64.b64decode(_text()(value), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidValue("is not in base64") from None


_ADDRESS = _object(name=_text(), address=_text())

_HEADER = _object(
    subject=_text(),
    **{"from": _optional(_ADDRESS)},
    to=_list(_ADDRESS),
    cc=_list(_ADDRESS),
    reply_to=_list(_ADDRESS),
    date=_optional(_text()),
    message_id=_optional(_text()),
    in_reply_to=_list(_text()),
    references=_list(_text()),
)

_ATTACHMENT = _object(
    part=_text(200),
    filename=_text(),
    content_type=_text(200),
    content_id=_optional(_text()),
    inline=_flag,
    size=_count,
    sha256=_text(64),
)

_ATTRIBUTES: Mapping[str, Reader] = {
    "priority": _text(100, filled=True),
    "state": _text(100, filled=True),
    "type": _text(100, filled=True),
    "service": _optional(_text(200)),
    "sla": _optional(_text(200)),
    "lock": _text(20, filled=True),
    "owner": _optional(_text(200)),
    "responsible": _optional(_text(200)),
    "customer_id": _optional(_text(320)),
    "customer_user": _optional(_text(320)),
    "pending_time": _optional(_moment),
    "dynamic_fields": _texts_by_name,
}

TICKET_FIELDS: Mapping[str, Reader] = {
    "number": _number,
    "title": _text(),
    "queue": _text(200, filled=True),
    "sender_name": _text(200),
    "sender_address": _text(320),
    **_ATTRIBUTES,
    "created": _moment,
    "changed": _moment,
    "articles": _count,
    "links": _list(_object(kind=_member(LinkKind), ticket=_number)),
    "merged_into": _optional(_number),
    "thread_keys": _object(own=_list(_text(520)), awaited=_list(_text(520))),
    "imported": _optional(_moment),
}

ARTICLE_FIELDS: Mapping[str, Reader] = {
    "ticket": _number,
    "created": _moment,
    "sender_type": _member(SenderType),
    "sender_address": _text(320),
    "visible": _flag,
    "loop": _flag,
    "automatic": _flag,
    "sender_verdict": _optional(_verdict),
    "article_fields": _optional(_texts_by_name),
    "header": _HEADER,
    "text": _text(),
    "has_html": _flag,
    "attachments": _list(_ATTACHMENT),
    "source": _optional(_source),
}

FIELDS: Mapping[str, Mapping[str, Reader]] = {"ticket": TICKET_FIELDS, "article": ARTICLE_FIELDS}
