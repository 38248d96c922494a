"""The system configuration: each setting with its meaning, its unit, its value and its default."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy.orm import Session

from postmaster.api.operation import Answer, Body, Call, Operation, Reply
from postmaster.api.resources import CONFIRMED, differs, precondition
from postmaster.api.schemas import TEXT, list_of, obj, or_null
from postmaster.database import read_session, transaction
from postmaster.desk.configuration import change_setting, setting_choices
from postmaster.extensions import Json
from postmaster.resources.fields import Field
from postmaster.resources.readers import paragraph
from postmaster.system.models import Scope
from postmaster.system.setting import Setting
from postmaster.system.setting_table import SETTINGS, find_setting, shown_settings
from postmaster.system.settings import get_setting

VALUE = Field("value", "Value", read=paragraph, empty="", metavar="VALUE", help="The value, as it is entered.")


def _list(_call: Call) -> Answer:
    with read_session() as session:
        values = shown_settings(session)
        items = [_row(session, spec, values[spec.name]) for spec in SETTINGS.values()]
    return Answer({"items": items, "next": None})


def _get(call: Call) -> Answer:
    spec = find_setting(call.path["name"])
    with read_session() as session:
        value = spec.show(get_setting(session, spec))
        return Answer(_row(session, spec, value), _etag(value))


def _change(call: Call) -> Answer:
    spec = find_setting(call.path["name"])
    with transaction() as session:
        seen = _seen(call, spec, spec.show(get_setting(session, spec)))
        if VALUE.name in call.texts:
            with precondition(call):
                confirmed: bool = call.query[CONFIRMED.name]
                change_setting(session, spec.name, call.texts[VALUE.name], call.actor, seen, confirmed=confirmed)
        value = spec.show(get_setting(session, spec))
        return Answer(_row(session, spec, value), _etag(value))


def _row(session: Session, spec: Setting[Any], value: str) -> Json:
    return {
        "name": spec.name,
        "value": value,
        "default": spec.show(spec.default),
        "unit": spec.unit or None,
        "description": spec.description,
        "choices": list(setting_choices(session, spec)) or None,
    }


def _etag(value: str) -> dict[str, str]:
    """Settings have no revision: what tells one value from another stands in for it."""
    return {"ETag": f'"{hashlib.sha256(value.encode()).hexdigest()[:16]}"'}


def _seen(call: Call, spec: Setting[Any], value: str) -> str | None:
    """The value that the caller has seen, if he says so. Raises PostMasterError if it is another one by now."""
    if call.if_match is None or call.if_match.strip() == "*":
        return None
    if call.if_match.strip() != _etag(value)["ETag"]:
        raise differs(f"{spec.name} has another value by now, so nothing was saved.")
    return value


_EXAMPLE: Json = {
    "name": "SessionHours",
    "value": "12",
    "default": "12",
    "unit": "hours",
    "description": "Hours after signing in to the pages when one has to sign in again, however busy one is.",
    "choices": None,
}
_SETTING = obj(
    {
        "name": TEXT,
        "value": {**TEXT, "description": "The value, as it is entered."},
        "default": TEXT,
        "unit": or_null({**TEXT, "description": "What a number counts."}),
        "description": TEXT,
        "choices": {"type": ["array", "null"], "items": TEXT, "description": "The values it takes, if only some."},
    }
)
_ETAG = {"ETag": "What tells this value from others, for If-Match."}

OPERATIONS = (
    Operation(
        name="listSettings",
        method="GET",
        path="/settings",
        scope=Scope.READ,
        tag="settings",
        summary="List all settings",
        run=_list,
        reply=Reply({"items": [_EXAMPLE], "next": None}, list_of(_SETTING)),
        errors=("database-away",),
    ),
    Operation(
        name="getSetting",
        method="GET",
        path="/settings/{name}",
        scope=Scope.READ,
        tag="settings",
        summary="Get one setting",
        run=_get,
        reply=Reply(_EXAMPLE, _SETTING, headers=_ETAG),
        errors=("unknown-setting",),
    ),
    Operation(
        name="changeSetting",
        method="PATCH",
        path="/settings/{name}",
        scope=Scope.ADMIN,
        tag="settings",
        summary="Change one setting",
        run=_change,
        parameters=(CONFIRMED,),
        body=Body({"value": "8"}, (VALUE,), partial=True),
        reply=Reply(_EXAMPLE | {"value": "8"}, _SETTING, headers=_ETAG),
        errors=("unknown-setting", "bad-setting", "still-named"),
        revised=True,
    ),
)
