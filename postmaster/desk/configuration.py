"""Settings that name what the desk has: a queue, states of tickets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.desk.models import Ticket
from postmaster.desk.queues import Queues, QueueService
from postmaster.errors import InputError
from postmaster.resources.audit import lock_administration
from postmaster.resources.models import Validity
from postmaster.resources.uses import StillNamedError, Use, enumeration
from postmaster.system.list_settings import STATE_LIST
from postmaster.system.lists import name_of, named
from postmaster.system.setting import ListSetting, Setting
from postmaster.system.setting_table import QUEUE_SETTINGS, find_setting, set_setting
from postmaster.system.settings import get_setting


def setting_choices(session: Session, spec: Setting[Any]) -> Sequence[str]:
    """The values that ``spec`` takes, if it takes only some."""
    if spec.among:
        names = [name_of(entry) for entry in get_setting(session, spec.among)]
        return ["", *names] if spec.may_be_empty else names
    if spec in QUEUE_SETTINGS:
        names = Queues(session).valid_names()
        return ["", *names] if spec.may_be_empty else names
    return spec.choices


# Who names what is in a list: given the setting and the value that it is to have, what would name nothing any more.
LIST_USERS: list[Callable[[Session, Setting[Any], Any], Iterable[Use]]] = []


def change_setting(
    session: Session, name: str, text: str, actor: str, seen: str | None = None, *, confirmed: bool = False
) -> None:
    """``set_setting``, which also sees that queues are valid ones, and that states of tickets stay.

    Raises StillNamedError unless ``confirmed``, if filters name what would not be in a list any more.
    """
    lock_administration(session)
    spec = find_setting(name)
    if spec in QUEUE_SETTINGS and (text.strip() or not spec.may_be_empty):
        queue = QueueService(session, actor).named(spec.parse(text))
        if queue is None or queue.validity is not Validity.VALID:
            raise InputError(
                spec.name,
                f"{spec.name} is “{text}”, which is not a valid queue.",
                "Choose a valid one; run: flask queue list",
                code="bad-setting",
            )
        text = queue.name
    if spec is STATE_LIST:
        _keep_states(session, text)
    if isinstance(spec, ListSetting) and not confirmed:
        value = spec.parse(text)
        if uses := [use for users in LIST_USERS for use in users(session, spec, value)]:
            raise StillNamedError("value", spec.name, _loss(session, spec, value), uses)
    set_setting(session, spec.name, text, actor, seen)


def _loss(session: Session, spec: Setting[Any], value: Any) -> str:
    """What a list would lose, as the beginning of a sentence; if it is no entry, IDs would be those of others."""
    gone = [name for name in map(name_of, get_setting(session, spec)) if not named(value, name)]
    if not gone:
        return f"IDs of {spec.name} would mean other entries, or none"
    return f"{spec.name} would lose {enumeration(f'“{name}”' for name in gone)}"


def _keep_states(session: Session, text: str) -> None:
    """Refuse to take a state away that tickets are in: nothing could say any more whether they are closed."""
    wanted = STATE_LIST.parse(text)
    gone = [state.name for state in get_setting(session, STATE_LIST) if not named(wanted, state.name)]
    used = session.scalar(select(Ticket.state).where(Ticket.state.in_(gone)).limit(1)) if gone else None
    if used is not None:
        message = f"{STATE_LIST.name} must keep “{used}”, because tickets are in that state."
        raise InputError(STATE_LIST.name, message, "Give those tickets another state first.", "bad-setting")
