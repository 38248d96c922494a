"""All settings by what they are about, and how one is entered (docs/glossary.md#system-configuration)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from postmaster.errors import InputError, NotFoundError
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.service import ConflictError
from postmaster.system.list_settings import (
    ARTICLE_FIELD_LIST,
    DEFAULT_PRIORITY,
    DEFAULT_STATE,
    DEFAULT_TYPE,
    DYNAMIC_FIELD_LIST,
    FOLLOWUP_STATE,
    FOLLOWUP_STATE_CLOSED,
    OWNER_LIST,
    PRIORITY_LIST,
    RESPONSIBLE_LIST,
    SERVICE_LIST,
    SLA_LIST,
    STATE_LIST,
    TYPE_LIST,
)
from postmaster.system.lists import name_of, named
from postmaster.system.models import SettingRow
from postmaster.system.setting import ListSetting, Setting
from postmaster.system.settings import (
    ACCEPT_NUMBER_FROM_STRANGER,
    BOUNCE_AS_FOLLOWUP,
    CHECK_DKIM,
    CUSTOMER_FILE,
    CUSTOMER_NO_OF_UNKNOWN,
    DEFAULT_QUEUE,
    DUPLICATE_MESSAGES,
    EVENT_RETENTION,
    FETCH_INTERVAL,
    FIRST_FETCH_CONFIRM,
    FOLLOWUP_IN_ATTACHMENT,
    FOLLOWUP_IN_BODY,
    HOOK_DIVIDER,
    MAX_EMAIL_SIZE,
    ON_SENDER_FAIL,
    OUTLET_ALERT,
    RAW_RETENTION,
    RECOMMENDED_ACCOUNT_LIMIT,
    RECONNECT_MESSAGE,
    RUN_RETENTION,
    SESSION_HOURS,
    SESSIONS_PER_HOST,
    SILENCE_ALERT,
    SUBJECT_FORMAT,
    TICKET_HOOK,
    TICKET_RETENTION,
    TICKETS_PER_SENDER,
    TRUSTED_AUTHSERV_IDS,
    UNKNOWN_NUMBER_QUEUE,
    get_setting,
    read_configuration,
)

# By what they are about, in the order in which they are listed.
SETTING_GROUPS: Mapping[str, tuple[Setting[Any], ...]] = {
    "Fetching": (
        FETCH_INTERVAL,
        SESSIONS_PER_HOST,
        FIRST_FETCH_CONFIRM,
        MAX_EMAIL_SIZE,
        RECONNECT_MESSAGE,
        RECOMMENDED_ACCOUNT_LIMIT,
    ),
    "New tickets": (
        DEFAULT_QUEUE,
        DEFAULT_STATE,
        DEFAULT_PRIORITY,
        DEFAULT_TYPE,
        CUSTOMER_FILE,
        CUSTOMER_NO_OF_UNKNOWN,
        DUPLICATE_MESSAGES,
        TICKETS_PER_SENDER,
    ),
    "Follow-ups": (
        TICKET_HOOK,
        HOOK_DIVIDER,
        SUBJECT_FORMAT,
        FOLLOWUP_STATE,
        FOLLOWUP_STATE_CLOSED,
        UNKNOWN_NUMBER_QUEUE,
        FOLLOWUP_IN_BODY,
        FOLLOWUP_IN_ATTACHMENT,
        BOUNCE_AS_FOLLOWUP,
    ),
    "Senders": (
        TRUSTED_AUTHSERV_IDS,
        CHECK_DKIM,
        ON_SENDER_FAIL,
        ACCEPT_NUMBER_FROM_STRANGER,
    ),
    "What tickets can be given": (
        STATE_LIST,
        PRIORITY_LIST,
        TYPE_LIST,
        SERVICE_LIST,
        SLA_LIST,
        OWNER_LIST,
        RESPONSIBLE_LIST,
        DYNAMIC_FIELD_LIST,
        ARTICLE_FIELD_LIST,
    ),
    "Alerts": (SILENCE_ALERT, OUTLET_ALERT),
    "How long data is kept": (RAW_RETENTION, TICKET_RETENTION, RUN_RETENTION, EVENT_RETENTION),
    "Signing in": (SESSION_HOURS,),
}

SETTINGS: dict[str, Setting[Any]] = {spec.name: spec for group in SETTING_GROUPS.values() for spec in group}

# Settings that name a queue, which follow it when it is renamed.
QUEUE_SETTINGS = (DEFAULT_QUEUE, UNKNOWN_NUMBER_QUEUE)


def find_setting(name: str) -> Setting[Any]:
    """The setting called ``name``, case-insensitively. Raises NotFoundError."""
    for spec in SETTINGS.values():
        if spec.name.lower() == name.lower():
            return spec
    raise NotFoundError("unknown-setting", f"There is no setting “{name}”.", "Run: flask setting list")


def shown_settings(session: Session) -> dict[str, str]:
    """The values of all settings, as they are entered."""
    configuration = read_configuration(session)
    return {spec.name: spec.show(configuration[spec]) for spec in SETTINGS.values()}


def set_setting(session: Session, name: str, text: str, actor: str, seen: str | None = None) -> None:
    """Enter a value for the setting ``name``, and record it. Raises NotFoundError, or InputError if it is refused.

    ``seen`` is the value that whoever entered it had seen; ConflictError says that it is another one by now.
    That PostmasterDefaultQueue names a valid queue is checked by ``desk.configuration.change_setting``.
    """
    lock_administration(session)
    spec = find_setting(name)
    old, new = spec.show(get_setting(session, spec)), spec.show(_checked(session, spec, spec.parse(text)))
    if seen not in (None, old):
        raise ConflictError(
            "changed-meanwhile",
            f"Somebody else changed {spec.name} meanwhile, so nothing was saved.",
            "Look at it again, and repeat the change if it is still needed.",
        )
    if old != new:
        if new == spec.show(spec.default):
            session.execute(delete(SettingRow).where(SettingRow.name == spec.name))
        else:
            session.merge(SettingRow(name=spec.name, value=new))
        audit(session, actor, "set", "setting", spec.name, {"value": [old, new]})
        session.flush()


def _checked(session: Session, spec: Setting[Any], value: Any) -> Any:
    """``value``, which goes together with the lists: an entry in the spelling of its list, a list with what is used."""
    if spec.among:
        return _listed(spec, spec.among, get_setting(session, spec.among), value)
    if isinstance(spec, ListSetting):
        for user in SETTINGS.values():
            if user.among is spec:
                _keep_entry(spec, value, user, get_setting(session, user))
    return value


def _listed(spec: Setting[Any], among: ListSetting[Any], entries: tuple[Any, ...], name: str) -> str:
    entry = named(entries, name)
    if not name:  # one that may be left empty
        return ""
    if entry is None:
        words = ", ".join(map(name_of, entries))
        advice = f"It is one of {words}; more can be added to {among.name}."
        raise InputError(spec.name, f"{spec.name} is “{name}”, which is not in {among.name}.", advice, "bad-setting")
    return name_of(entry)


def _keep_entry(spec: ListSetting[Any], entries: tuple[Any, ...], user: Setting[Any], name: str) -> None:
    if name and named(entries, name) is None:
        message = f"{spec.name} must keep “{name}”, which {user.name} names."
        raise InputError(spec.name, message, f"Give {user.name} another value first.", "bad-setting")
