"""What an operation of the API is: a row, of which the route, its description in OpenAPI, and its tests are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from postmaster.extensions import Json
from postmaster.resources.fields import Field, FieldErrors
from postmaster.system.models import Scope
from postmaster.system.tokens import Caller

JSON_TYPE = "application/json"

# Bytes that a body may have, unless its operation says otherwise.
MAX_BODY = 1_000_000


@dataclass(frozen=True)
class Body:
    """What an operation takes: a JSON object with ``fields``, or bytes of the type ``media_type``.

    ``partial``: what is left out stays as it is. ``optional``: without a body all have their defaults. ``not_always``
    are mandatory only where the others call for them.
    """

    example: Any
    fields: tuple[Field, ...] = ()
    partial: bool = False
    optional: bool = False
    not_always: frozenset[str] = frozenset()
    media_type: str = JSON_TYPE
    limit: int = MAX_BODY


@dataclass(frozen=True)
class Reply:
    """What an operation answers if all goes well. ``headers`` are those that tell something, with what they mean.

    ``in_parts``: takes Range, If-Range and If-None-Match (``ranges.hand_out``). ``or_types``: bytes of these types come
    instead, if they are asked for.
    """

    example: Any
    schema: Json | None = None
    status: HTTPStatus = HTTPStatus.OK
    description: str = "Done."
    media_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    in_parts: bool = False
    or_types: Sequence[str] = ()


@dataclass(frozen=True)
class Call:
    """A request, read: ``path`` and ``query`` by parameter, what its body says as ``texts`` by field, or ``raw``.

    ``if_match`` is the revision that the caller has seen, None if it does not say; ``headers`` are the others.
    """

    caller: Caller
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    texts: Mapping[str, str]
    raw: bytes
    if_match: str | None
    headers: Mapping[str, str]

    @property
    def id(self) -> int:
        """The id in the path."""
        number: int = self.path["id"]
        return number

    @property
    def actor(self) -> str:
        """Who the audit log says it was."""
        return self.caller.actor

    def values(self, fields: Iterable[Field]) -> dict[str, Any]:
        """The values of ``fields`` in the body. Raises InvalidFieldsError."""
        return read_values(tuple(fields), self.texts)


@dataclass(frozen=True)
class Answer:
    """What an operation answers: ``body`` is JSON, bytes, or pieces of bytes; None if there is none."""

    body: Json | bytes | Iterable[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: HTTPStatus | None = None


@dataclass(frozen=True)
class Operation:
    """An operation. ``path`` is below /api/v1, with {parameters} of ``reading.PATH_FIELDS``.

    ``errors`` are the codes of what can go wrong beside what can with each (``problems.common_codes``). ``revised``:
    takes If-Match. ``limited``: tokens that are limited to queues may use it, and it sees to it that they get theirs.
    ``idempotent``: takes Idempotency-Key.
    """

    name: str
    method: str
    path: str
    scope: Scope
    tag: str
    summary: str
    run: Callable[[Call], Answer]
    reply: Reply
    errors: tuple[str, ...]
    description: str = ""
    parameters: tuple[Field, ...] = ()
    body: Body | None = None
    revised: bool = False
    limited: bool = False
    idempotent: bool = False


def read_values(fields: tuple[Field, ...], texts: Mapping[str, str]) -> dict[str, Any]:
    """The values of ``fields``, those that are left out by their defaults. Raises InvalidFieldsError."""
    values, errors = {}, FieldErrors()
    for field_ in fields:
        with errors.catching(field_):
            values[field_.name] = field_.parse(texts.get(field_.name, field_.default))
    errors.raise_if_any(fields)
    return values
