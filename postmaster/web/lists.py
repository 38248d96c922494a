"""What lists on pages share: their state, which is all in the address, and the fragments that htmx asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import request, url_for

from postmaster.quantity import quantity
from postmaster.resources.listing import ListFilter
from postmaster.web.asked import asked_number, asked_text, asked_words

# What an address says of a list's state.
STATE = ("q", "sort", "page")


def wants_fragment() -> bool:
    """Whether htmx asks for the part of the page that changes; a boosted link and the Back button need all of it."""
    headers = request.headers
    whole = "HX-Boosted" in headers or "HX-History-Restore-Request" in headers
    return "HX-Request" in headers and not whole


def list_state(choices: Iterable[str] = ()) -> dict[str, Any]:
    """The state of the list that the request is about, or that it came from and leads back to; with its ``choices``."""
    return asked_words((*STATE, *choices))


def wanted(choices: Iterable[str] = ()) -> ListFilter:
    """What the request asks of the list, also of its ``choices``."""
    page = asked_number("page", 1)
    chosen = {name: asked_text(name) for name in asked_words(choices)}
    return ListFilter(request.args.get("q", "").strip(), request.args.get("sort", ""), page, chosen)


@dataclass(frozen=True)
class CursorLinks:
    """The addresses around a page that is cut by ids: of older rows, and of the newest; empty where there are none."""

    older: str
    newest: str


def cursor_links(state: Mapping[str, Any], further: int | None) -> CursorLinks:
    """The links of the list with this ``state``; its older rows are those before the id ``further``."""
    return CursorLinks(
        older=url_for(".page", **{**state, "before": further}) if further else "",
        newest=url_for(".page", **state) if request.args.get("before") else "",
    )


def counted(found: int, total: int, noun: str, plural: str) -> str:
    """As in "7 of 12 accounts"; only the total if all are found."""
    words = quantity(total, noun, plural)
    return words if found == total else f"{found:,} of {words}"


def next_url() -> str | None:
    """Where a form was asked to lead (``?next=``); never to another site, as which browsers also read ``/\\``."""
    wanted = request.args.get("next", "")
    local = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted if local else None


def with_parameter(address: str, name: str, value: str) -> str:
    """``address`` with the parameter ``name`` set to ``value``."""
    parts = urlsplit(address)
    others = [(key, given) for key, given in parse_qsl(parts.query, keep_blank_values=True) if key != name]
    return parts._replace(query=urlencode([*others, (name, value)])).geturl()
