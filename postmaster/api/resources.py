"""The operations that all resources share: list, get, add, change and delete, made from a service and its fields.

Pages (``web/resources.py``) and commands (``cli/resources.py``) are made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import request
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from postmaster.api.lists import PAGING, TEXT, choice_fields, page, read_cursor, sort_field
from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.schemas import ID, MOMENT, list_of, obj, output_schema
from postmaster.api.schemas import TEXT as TEXT_SCHEMA
from postmaster.database import read_session, transaction
from postmaster.errors import NotFoundError, PostMasterError
from postmaster.extensions import Json
from postmaster.resources.cursor import slice_of
from postmaster.resources.fields import Field
from postmaster.resources.listing import ListFilter, Listing
from postmaster.resources.numbers import MAX_ID, read_number
from postmaster.resources.readers import yes_no
from postmaster.resources.service import ConflictError, Service
from postmaster.system.models import Scope

AnyService = Service[Any]

CONFIRMED = Field(
    "confirmed",
    "Confirmed",
    read=yes_no,
    default="no",
    metavar="yes|no",
    help="Also if something still names it: see the uses of the problem still-named.",
)

_ETAG = {"ETag": "The revision, for If-Match."}


@dataclass(frozen=True)
class ApiResource:
    """What the operations have to know of a kind of resource beside what the service says.

    ``example`` is what a new one may be made of, ``shown`` what is then answered beside it. ``details`` describes what
    getting one tells beyond its fields. ``queue`` is the column with its queue, by which tokens may be limited; without
    one they see nothing of it. ``kinds`` is the field that says which others there are. ``errors`` are codes of what
    its rules refuse.
    """

    service: type[AnyService]
    listing: Listing
    example: Json
    shown: Json
    details: Mapping[str, Json] = field(default_factory=dict)
    queue: InstrumentedAttribute[Any] | None = None
    kinds: Field | None = None
    errors: tuple[str, ...] = ()
    deletable: bool = True

    @property
    def noun(self) -> str:
        """What the service calls one."""
        return self.service.noun

    @property
    def plural(self) -> str:
        """What the service calls several, and the path of the operations."""
        return self.service.plural

    @property
    def name(self) -> str:
        """The noun as names of operations have it."""
        return self.noun.capitalize()

    @property
    def path(self) -> str:
        """The path of one."""
        return f"/{self.plural}/{{id}}"

    def not_always(self) -> frozenset[str]:
        """The fields that not all kinds have."""
        kinds = [{self.kinds.name: word} for word in self.kinds.choices] if self.kinds else []
        return frozenset(
            field.name
            for field in self.service.fields
            if any(field not in self.service.fields_for(kind) for kind in kinds)
        )

    def item_schema(self) -> Json:
        """What a list tells of one, as ``list --json`` of the command does."""
        return obj(
            {
                "id": ID,
                "label": TEXT_SCHEMA,
                **output_schema(self.service.fields),
                "health": TEXT_SCHEMA,
                "changed": MOMENT,
                "revision": {"type": "integer"},
            }
        )

    def schema(self, *, warnings: bool = False) -> Json:
        """What getting one tells; ``warnings`` after a change."""
        schema = self.item_schema()
        more = {**self.details, **({"warnings": {"type": "array", "items": TEXT_SCHEMA}} if warnings else {})}
        return obj({**schema["properties"], **more})

    def shown_item(self) -> Json:
        """An example of what a list tells of one."""
        blank = {field.name: None for field in self.service.fields if not field.secret}
        secrets = {field.name for field in self.service.fields if field.secret}
        given = {name: value for name, value in self.example.items() if name not in secrets}
        rest = {"health": "healthy", "changed": "2026-11-23T09:12:00+00:00", "revision": 1}
        shown = {name: value for name, value in self.shown.items() if name not in self.details}
        return {"id": 7, "label": "", **blank, **given, **rest, **shown}

    def shown_one(self) -> Json:
        """An example of what getting one tells."""
        return {**self.shown_item(), **{name: self.shown[name] for name in self.details}}

    def limits(self, queue_ids: Collection[int] | None) -> list[ColumnElement[bool]]:
        """Conditions of the rows that a token sees that is limited to these queues."""
        return [] if queue_ids is None or self.queue is None else [self.queue.in_(queue_ids)]


def resource_operations(resource: ApiResource) -> tuple[Operation, ...]:
    """The rows of the resource's operations."""
    makers: list[Callable[[ApiResource], Operation]] = [_list, _get, _add, _change]
    return tuple(make(resource) for make in [*makers, *([_delete] if resource.deletable else [])])


def _list(resource: ApiResource) -> Operation:
    def run(call: Call) -> Answer:
        chosen = {name: call.query[name] for name in resource.listing.choices if call.query[name]}
        wanted = ListFilter(call.query["q"], call.query["sort"], chosen=chosen)
        limits = resource.limits(call.caller.queue_ids)
        with read_session() as session:
            service = resource.service(session, call.actor)
            found = slice_of(session, resource.listing, wanted, read_cursor(call), call.query["limit"], *limits)
            items = [_item(service, row[0]) for row in found.rows]
        return page(call, items, found.last)

    return Operation(
        name=f"list{resource.plural.capitalize()}",
        method="GET",
        path=f"/{resource.plural}",
        scope=Scope.READ,
        tag=resource.plural,
        summary=f"List {resource.plural}",
        parameters=(TEXT, sort_field(resource.listing), *choice_fields(resource.listing), *PAGING),
        run=run,
        reply=Reply({"items": [resource.shown_item()], "next": None}, list_of(resource.item_schema())),
        errors=("invalid-value",),
        limited=resource.queue is not None,
    )


def _get(resource: ApiResource) -> Operation:
    def run(call: Call) -> Answer:
        with read_session() as session:
            service = resource.service(session, call.actor)
            record = visible(resource, session, call)
            return Answer(_item(service, record) | service.details(record), etag(record))

    return Operation(
        name=f"get{resource.name}",
        method="GET",
        path=resource.path,
        scope=Scope.READ,
        tag=resource.plural,
        summary=f"Get one {resource.noun}",
        run=run,
        reply=Reply(resource.shown_one(), resource.schema(), headers=_ETAG),
        errors=(f"unknown-{resource.noun}",),
        limited=resource.queue is not None,
    )


def _add(resource: ApiResource) -> Operation:
    def run(call: Call) -> Answer:
        with transaction() as session:
            service = resource.service(session, call.actor)
            record = service.add(call.texts)
            told = _item(service, record) | service.details(record)
        location = {"Location": f"{request.script_root}/api/v1/{resource.plural}/{record.id}"}
        return Answer(told | {"warnings": service.warnings()}, etag(record) | location)

    return Operation(
        name=f"add{resource.name}",
        method="POST",
        path=f"/{resource.plural}",
        scope=Scope.ADMIN,
        tag=resource.plural,
        summary=f"Add one {resource.noun}",
        body=Body(resource.example, resource.service.fields, not_always=resource.not_always()),
        run=run,
        reply=Reply(
            resource.shown_one() | {"warnings": []},
            resource.schema(warnings=True),
            HTTPStatus.CREATED,
            "Added.",
            headers={**_ETAG, "Location": "Where it is."},
        ),
        errors=("invalid-value", "missing-field", "unknown-field", "changed-meanwhile", *resource.errors),
    )


def _change(resource: ApiResource) -> Operation:
    fields = tuple(field for field in resource.service.fields if not field.fixed)

    def run(call: Call) -> Answer:
        with transaction() as session:
            service = resource.service(session, call.actor)
            record = visible(resource, session, call)
            service.confirmed = call.query["confirmed"]
            with precondition(call):
                service.change(record, call.texts, revision_of(call))
            told = _item(service, record) | service.details(record)
        return Answer(told | {"warnings": service.warnings()}, etag(record))

    return Operation(
        name=f"change{resource.name}",
        method="PATCH",
        path=resource.path,
        scope=Scope.ADMIN,
        tag=resource.plural,
        summary=f"Change one {resource.noun}",
        description="What is left out stays as it is; null clears a field.",
        parameters=(CONFIRMED,),
        body=Body({"comment": "Since November"}, fields, partial=True, not_always=resource.not_always()),
        run=run,
        reply=Reply(
            resource.shown_one() | {"comment": "Since November", "revision": 2, "warnings": []},
            resource.schema(warnings=True),
            description="Changed, or unchanged if it was so already.",
            headers=_ETAG,
        ),
        errors=(f"unknown-{resource.noun}", "invalid-value", "unknown-field", "still-named", *resource.errors),
        revised=True,
    )


def _delete(resource: ApiResource) -> Operation:
    def run(call: Call) -> Answer:
        with transaction() as session:
            service = resource.service(session, call.actor)
            record = visible(resource, session, call)
            if revision_of(call) not in (None, record.revision):
                raise differs(f"The {resource.noun} is at revision {record.revision} by now, so nothing was deleted.")
            with precondition(call):
                service.delete(record)
        return Answer()

    return Operation(
        name=f"delete{resource.name}",
        method="DELETE",
        path=resource.path,
        scope=Scope.ADMIN,
        tag=resource.plural,
        summary=f"Delete one {resource.noun}",
        run=run,
        reply=Reply(None, None, HTTPStatus.NO_CONTENT, "Deleted."),
        errors=(f"unknown-{resource.noun}", f"{resource.noun}-in-use"),
        revised=True,
    )


def _item(service: AnyService, record: Any) -> Json:
    return service.as_json(record) | {"revision": record.revision}


def visible(resource: ApiResource, session: Session, call: Call) -> Any:
    """The resource that the path names, if its token sees it. Raises NotFoundError."""
    limits = resource.limits(call.caller.queue_ids)
    row = session.execute(resource.listing.query.where(resource.listing.key == call.id, *limits)).first()
    if row is None:
        advice = f"Look for it in the list of {resource.plural}."
        raise NotFoundError(f"unknown-{resource.noun}", f"There is no {resource.noun} {call.id}.", advice)
    return row[0]


def etag(record: Any) -> dict[str, str]:
    """The header that says at which revision ``record`` is."""
    return {"ETag": f'"{record.revision}"'}


def revision_of(call: Call) -> int | None:
    """The revision that If-Match names, one that nothing has if that is none of ours; None if any will do."""
    if call.if_match is None or call.if_match.strip() == "*":
        return None
    text = call.if_match.strip()
    found = read_number(text[1:-1], 0, MAX_ID) if len(text) > 1 and text[0] == text[-1] == '"' else None
    return -1 if found is None else found


@contextmanager
def precondition(call: Call) -> Iterator[None]:
    """Say of a conflict that If-Match was not met, if there was one."""
    try:
        yield
    except ConflictError as error:
        if call.if_match is None:
            raise
        raise differs(error.message) from None


def differs(message: str) -> PostMasterError:
    """The error that If-Match names another revision than there is."""
    return PostMasterError("revision-differs", message, "Get it again, and repeat the change if it is still needed.")
