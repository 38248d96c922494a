"""A message that was read, packed for the way from one process to another: as bytes of plain values.

Pickled as it is, it would take twice as long (measured: 29 instead of 16 µs on both sides together), because of each
address and attachment that is an object of its own.
"""

from __future__ import annotations

import pickle
from datetime import datetime
from operator import attrgetter
from typing import Any

from postmaster.parsing.message import Address, AttachedPart, ParsedMessage

_ADDRESSES = ("senders", "to", "cc", "reply_to")
_address = attrgetter(*Address.__slots__)
_attached = attrgetter(*AttachedPart.__slots__)


def pack_message(message: ParsedMessage) -> bytes:
    """``message`` for ``unpack_message``."""
    values = {**vars(message)}
    for name in _ADDRESSES:
        values[name] = [*map(_address, values[name])]
    values["from_"] = message.from_ and _address(message.from_)
    values["attachments"] = [*map(_attached, message.attachments)]
    values["date"] = message.date and message.date.isoformat()
    return pickle.dumps(values, protocol=5)


def unpack_message(data: bytes) -> ParsedMessage:
    """The message that was packed. Raises whatever comes of other bytes: only for what our own code has written."""
    values: dict[str, Any] = pickle.loads(data)  # noqa: S301
    for name in _ADDRESSES:
        values[name] = tuple([Address(*each) for each in values[name]])
    values["from_"] = values["from_"] and Address(*values["from_"])
    values["attachments"] = tuple([AttachedPart(*each) for each in values["attachments"]])
    values["date"] = values["date"] and datetime.fromisoformat(values["date"])
    message = ParsedMessage.__new__(ParsedMessage)  # its own way sets each value by a call, as it is frozen
    vars(message).update(values)
    return message
