"""Lists, a page at a time: what is asked of them, and the cursors that lead from one page to the next.

A cursor is signed, so that what comes back is what was given out, and good for its list, its order and its filter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from postmaster.api.operation import Answer, Call
from postmaster.extensions import Json
from postmaster.resources.fields import Field, InvalidFieldsError
from postmaster.resources.listing import Listing
from postmaster.resources.readers import InvalidValue, alternatives, line, whole_number

MAX_ITEMS = 200

LIMIT = Field("limit", "Limit", read=whole_number(1, MAX_ITEMS), default="50", metavar="COUNT", help="Items of a page.")
AFTER = Field("after", "After", read=line(4000), metavar="CURSOR", help="What next of the page before says.")
TEXT = Field("q", "Filter", read=line(200), empty="", metavar="WORDS", help="Words that each item has, as on the page.")

# Parameters of all lists.
PAGING = (LIMIT, AFTER)


def sort_field(listing: Listing) -> Field:
    """The parameter that says how ``listing`` is sorted; its first order is the usual one."""
    words = [word for name in listing.sorts for word in (name, f"-{name}")]

    def read(text: str) -> str:
        if text not in words:
            raise InvalidValue(f"is “{text}”, but must be {alternatives(tuple(words))}")
        return text

    help_ = "What to sort by; a hyphen turns it around."
    return Field("sort", "Sort", read=read, default=words[0], metavar="|".join(words), help=help_)


def choice_fields(listing: Listing) -> tuple[Field, ...]:
    """The parameters that ``listing`` is filtered by, beside the words."""
    return tuple(
        Field(
            name, choice.label, read=line(200), empty="", metavar="WORD", help=f"Only with this {choice.label.lower()}."
        )
        for name, choice in listing.choices.items()
    )


def read_cursor(call: Call) -> list[Any] | None:
    """Where the page begins: what the row before it is sorted by; None for the first page.

    Raises InvalidFieldsError if it is no cursor of this list, or of another order or filter.
    """
    text: str | None = call.query[AFTER.name]
    if not text:
        return None
    try:
        return [_value(part) for part in _signer(call).loads(text)]
    except (BadSignature, ValueError, TypeError):
        flaw = AFTER.refuse("is no cursor of this list in this order", "Begin without it.")
        raise InvalidFieldsError({AFTER.name: flaw}) from None


def page(call: Call, items: Iterable[Json], last: Sequence[Any] | None) -> Answer:
    """A page of ``items``, with the way to the next one unless ``last`` is None: what its last row is sorted by."""
    if last is None:
        return Answer({"items": list(items), "next": None})
    cursor = str(_signer(call).dumps([_part(value) for value in last]))
    asked = [(name, value) for name, value in request.args.items(multi=True) if name != AFTER.name]
    address = f"{request.script_root}{request.path}?{urlencode([*asked, (AFTER.name, cursor)])}"
    return Answer({"items": list(items), "next": cursor}, {"Link": f'<{address}>; rel="next"'})


def _signer(call: Call) -> URLSafeSerializer:
    """The signer of cursors of this list: with what it is filtered and sorted by, and who may see what of it."""
    asked = sorted((name, str(value)) for name, value in call.query.items() if name not in (AFTER.name, LIMIT.name))
    salt = hashlib.sha256(repr((request.path, asked)).encode()).hexdigest()
    return URLSafeSerializer(str(current_app.secret_key), salt=f"cursor {salt}")


def _part(value: Any) -> Any:
    """A value as JSON has it; moments and dates as a list that says which."""
    if isinstance(value, datetime):
        return ["moment", value.isoformat()]
    return ["date", value.isoformat()] if isinstance(value, date) else value


def _value(part: Any) -> Any:
    match part:
        case ["moment", text]:
            return datetime.fromisoformat(text)
        case ["date", text]:
            return date.fromisoformat(text)
    return part
