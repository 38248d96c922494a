"""Reading a request: its path, its query and its body, by the fields of its operation. What is not known is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Request
from werkzeug.datastructures import MultiDict

from postmaster.api.operation import JSON_TYPE, Body, Operation, read_values
from postmaster.errors import InputError, NotFoundError, PostMasterError
from postmaster.resources.fields import Field, FieldErrors, InvalidFieldsError
from postmaster.resources.numbers import read_id
from postmaster.resources.readers import InvalidValue, WholeNumber, line, yes_no

# Media types that are taken for JSON: PATCH has one of its own (RFC 7396), which says the same here.
JSON_TYPES = (JSON_TYPE, "application/merge-patch+json")

# How programs write what is yes or no in a query.
_TRUTH = {"true": "yes", "True": "yes", "false": "no", "False": "no"}


def _id(text: str) -> int:
    number = read_id(text)
    if number is None:
        raise InvalidValue("is no id")
    return number


# The parameters that paths have.
PATH_FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("id", "Id", mandatory=True, read=_id, metavar="ID", help="The id."),
        Field("delivery", "Delivery", mandatory=True, read=_id, metavar="ID", help="The id of the delivery."),
        Field("name", "Name", mandatory=True, read=line(200), metavar="NAME", help="The name."),
        Field("number", "Number", mandatory=True, read=line(30), metavar="NUMBER", help="The number of the ticket."),
        Field("token", "Token", mandatory=True, read=line(100), metavar="TOKEN", help="What it was answered by."),
    )
}


def read_path(arguments: Mapping[str, str], path: str) -> dict[str, Any]:
    """The parameters of the path. Raises NotFoundError: what cannot be read is nothing's."""
    try:
        if all(text == text.strip() for text in arguments.values()):  # one address for each thing
            return {name: PATH_FIELDS[name].parse(text) for name, text in arguments.items()}
    except InputError:
        pass
    raise NotFoundError("no-such-path", f"There is nothing at {path}.", "Look for it in the list.")


def read_query(operation: Operation, arguments: MultiDict[str, str]) -> dict[str, Any]:
    """The parameters of the query. Raises InvalidFieldsError."""
    errors, texts = FieldErrors(), {}
    known = {field.name: field for field in operation.parameters}
    _refuse_unknown(arguments.keys() - known.keys(), list(known))
    for name in arguments:
        given = arguments.getlist(name)
        if known[name].lines:
            texts[name] = "\n".join(given)
        elif len(given) > 1:
            errors.add(name, known[name].refuse("is given more than once"))
        else:
            texts[name] = _TRUTH.get(given[0], given[0]) if known[name].read is yes_no else given[0]
    errors.raise_if_any(operation.parameters)
    return read_values(operation.parameters, texts)


def read_body(body: Body, request: Request) -> tuple[dict[str, str], bytes]:
    """What the body says: as texts by field, or as it is."""
    request.max_content_length = body.limit
    raw = request.get_data(cache=False)
    if not raw and body.optional:
        return {}, raw
    if body.media_type == JSON_TYPE:
        _check_type(request, JSON_TYPES)
        return _texts(body, _parse(raw)), raw
    _check_type(request, (body.media_type,))
    return {}, raw


def _check_type(request: Request, wanted: tuple[str, ...]) -> None:
    if request.mimetype not in wanted:
        message = f"The body has the type “{request.mimetype}”, but must have {wanted[0]}."
        raise PostMasterError("wrong-content-type", message, f"Send it with: Content-Type: {wanted[0]}")


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8")
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_each_once)
    except RecursionError:
        raise PostMasterError("malformed-json", "The body is nested too deeply.", "Send it flatter.") from None
    except ValueError as error:
        raise PostMasterError("malformed-json", f"The body is no JSON: {error}.", "Correct it there.") from None
    if not isinstance(document, dict):
        raise PostMasterError("malformed-json", "The body is no JSON object.", 'Send one, as in {"name": "Sales"}.')
    return document


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no value of JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object: programs do not agree on what a name that stands there twice means."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _texts(body: Body, document: Mapping[str, Any]) -> dict[str, str]:
    """The values as they would be typed. Raises InvalidFieldsError if one is not of its field's type."""
    known = {field.name: field for field in body.fields}
    _refuse_unknown(document.keys() - known.keys(), list(known))
    errors, texts = FieldErrors(), {}
    for name, value in document.items():
        with errors.catching(known[name]):
            texts[name] = typed(known[name], value)
    errors.raise_if_any(body.fields)
    return texts


def typed(field: Field, value: object) -> str:
    """``value`` as it would be typed into ``field``. Raises InputError if it is not of the type of its schema."""
    match value:
        case None:
            return ""
        case bool() if field.read is yes_no:
            return "yes" if value else "no"
        case bool():
            pass
        case int() if isinstance(field.read, WholeNumber):
            return _digits(field, value)
        case float() if isinstance(field.read, WholeNumber) and value.is_integer():
            return _digits(field, int(value))
        case list() if field.lines and not field.secret:
            if all(isinstance(line, str) and "\n" not in line for line in value):
                return "\n".join(value)
        case str() if field.secret or not (field.lines or field.read is yes_no or isinstance(field.read, WholeNumber)):
            return value
    from postmaster.api.schemas import type_words

    raise field.refuse(f"must be {type_words(field)}")


def _digits(field: Field, number: int) -> str:
    """The number, which a text in place of it would be too long for."""
    if abs(number) >= 10**18:
        raise field.refuse("is out of range")
    return str(number)


def _refuse_unknown(unknown: set[str], known: list[str]) -> None:
    advice = f"Known are {', '.join(known)}." if known else "There are none."
    if unknown:
        raise InvalidFieldsError(
            {
                name: InputError(name, f"There is no field “{name}”.", advice, "unknown-field")
                for name in sorted(unknown)
            }
        )
