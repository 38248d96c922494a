"""What a request asks. Ids and other numbers in its path, its query and its form are read here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask, request
from werkzeug.routing import BaseConverter
from wtforms import StringField

from postmaster.resources.numbers import ID_PATTERN, MAX_ID, NO_ID, read_id, read_number

# A number that is no id counts something, of which there are never so many.
MAX_COUNT = 10**9


class IdConverter(BaseConverter):
    """``<id:number>`` in a route: any other path is no page."""

    regex = ID_PATTERN

    def to_python(self, value: str) -> int:
        """The id."""
        return int(value)


class NumberField(StringField):
    """A hidden number of a form, from 0; what is no number is what the form says by itself."""

    def __init__(self, default: int | None = None, **options: Any) -> None:
        super().__init__(default=default, **options)  # type: ignore[no-untyped-call]

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was sent."""
        for text in valuelist[:1]:
            self.data = 0 if text == "0" else read_id(text) or self.data


def chosen_id(text: str) -> int:
    """The id that was chosen in a form or an address; ``NO_ID`` if ``text`` is none."""
    return read_id(text) or NO_ID


def is_looking() -> bool:
    """Whether the request only looks: HEAD is GET without a body."""
    return request.method in ("GET", "HEAD")


def asked_id(name: str) -> int | None:
    """The id that the parameter or field ``name`` says; None if it says nothing, ``NO_ID`` if what it says is none."""
    text = request.values.get(name, "")
    return chosen_id(text) if text else None


def asked_words(names: Iterable[str]) -> dict[str, Any]:
    """What the query says of ``names``, without those of which it says nothing."""
    said = request.args  # whose get() raises and catches an exception for each that is absent
    return {name: text for name in names if name in said and (text := said[name])}


def asked_text(name: str) -> str:
    """What the parameter ``name`` says, without what PostgreSQL's texts cannot hold; empty if it says nothing."""
    return request.args.get(name, "").replace("\0", "")


def asked_before() -> int:
    """The id before which the page of a list begins; without one it begins with the newest."""
    return asked_id("before") or MAX_ID


def asked_number(name: str, default: int) -> int:
    """The number that the parameter or field ``name`` says, from 0; ``default`` if it says none."""
    number = read_number(request.values.get(name, ""), 0, MAX_COUNT)
    return default if number is None else number


def init_app(app: Flask) -> None:
    """Register the converter."""
    app.url_map.converters["id"] = IdConverter
