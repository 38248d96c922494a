"""JSON Schema of what fields hold, made from the fields themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from postmaster.extensions import Json
from postmaster.resources.fields import Field
from postmaster.resources.readers import WholeNumber, yes_no

MOMENT: Json = {"type": "string", "format": "date-time"}
ID: Json = {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}
TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}


def field_schema(field: Field) -> Json:
    """What ``field`` takes: type, range, words, and what it is for."""
    return {**_type(field), "title": field.label, "description": field.help or field.label}


def _type(field: Field) -> Json:
    if field.read is yes_no:
        return {"type": "boolean"}
    if isinstance(field.read, WholeNumber):
        return {"type": "integer", "minimum": field.read.low, "maximum": field.read.high}
    word: Json = {"type": "string", "enum": list(field.choices)} if field.choices else {"type": "string"}
    return {"type": "array", "items": word} if field.lines and not field.secret else word


def type_words(field: Field) -> str:
    """What a value of ``field`` must be, for a sentence."""
    words = {"boolean": "true or false", "integer": "a whole number", "array": "a list of texts"}
    return words.get(_type(field)["type"], "text")


def or_null(schema: Json) -> Json:
    """``schema``, or nothing."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    nullable = {**schema, "type": [*kinds, "null"]}
    return {**nullable, "enum": [*schema["enum"], None]} if "enum" in schema else nullable


def input_schema(fields: Iterable[Field], *, partial: bool, not_always: Collection[str] = ()) -> Json:
    """What is sent: an object with ``fields``; if ``partial``, those of them that are to change.

    ``not_always`` are mandatory only where the others call for them.
    """
    properties: dict[str, Json] = {}
    required = []
    for field in fields:
        schema = field_schema(field)
        if field.secret:
            schema["writeOnly"] = True
        if field.default and not partial:
            schema["default"] = default_of(field)
        mandatory = field.mandatory and field.name not in not_always
        if mandatory and schema["type"] == "string" and not field.choices:
            schema["minLength"] = 1
        properties[field.name] = schema if mandatory else or_null(schema)
        if mandatory and not field.default and not partial:
            required.append(field.name)
    return obj(properties, required)


def default_of(field: Field) -> Any:
    """What leaving ``field`` out means, as JSON has it."""
    if field.read is yes_no:
        return yes_no(field.default)
    return field.read(field.default) if isinstance(field.read, WholeNumber) else field.default


def output_schema(fields: Iterable[Field]) -> dict[str, Json]:
    """The properties of a resource: fields that it does not have are null, and secrets are never among them."""
    return {field.name: or_null(field_schema(field)) for field in fields if not field.secret}


def obj(properties: dict[str, Json], required: Iterable[str] | None = None) -> Json:
    """An object with these properties, all of which are there unless ``required`` names those that are."""
    names = list(properties) if required is None else list(required)
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": names} if names else schema


def list_of(item: Json) -> Json:
    """A page of a list: ``items``, and ``next``, with which the next page is asked for; null on the last one."""
    following = or_null({**TEXT, "description": "The cursor of the next page, for the parameter after; null: none."})
    return obj({"items": {"type": "array", "items": item}, "next": following})
