"""Where the desk meets what lies below it: settings that name a queue, accounts that dispatch into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from postmaster.accounts.service import AccountService
from postmaster.desk.queues import Queues, QueueService
from postmaster.errors import InputError
from postmaster.system.audit import serialise
from postmaster.system.models import Validity
from postmaster.system.settings import DEFAULT_QUEUE, SettingSpec, find_setting, set_setting


def account_service(session: Session, actor: str) -> AccountService:
    """The mail accounts, with the queues that they name."""
    return AccountService(session, actor, Queues(session))


def setting_choices(session: Session, spec: SettingSpec[Any]) -> Sequence[str]:
    """The values that ``spec`` takes, if it takes only some."""
    return Queues(session).valid_names() if spec is DEFAULT_QUEUE else spec.choices


def change_setting(session: Session, name: str, text: str, actor: str, seen: str | None = None) -> None:
    """``set_setting``, which also sees that the default queue is a valid one, and spells it as it is called."""
    serialise(session)
    spec = find_setting(name)
    if spec is DEFAULT_QUEUE:
        queue = QueueService(session, actor).named(spec.parse(text))
        if queue is None or queue.validity is not Validity.VALID:
            raise InputError(
                spec.name,
                f"{spec.name} is “{text}”, which is no valid queue.",
                "Choose a valid one; run: flask queue list",
                code="bad-setting",
            )
        text = queue.name
    set_setting(session, spec.name, text, actor, seen)
