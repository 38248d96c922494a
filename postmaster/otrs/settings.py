"""Values of the system configuration in a dump, as far as they concern mail."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.orm import Session

from postmaster.desk.configuration import change_setting
from postmaster.errors import NotFoundError
from postmaster.otrs.documents import read_document, scalar
from postmaster.otrs.module_filters import ModuleFilterTaker
from postmaster.otrs.names import refuse
from postmaster.otrs.report import Taken
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.setting_words import unlike
from postmaster.otrs.upsert import Result, by_import
from postmaster.resources.audit import last_event
from postmaster.system.setting import Setting
from postmaster.system.setting_table import find_setting
from postmaster.system.settings import (
    DUPLICATE_MESSAGES,
    FETCH_INTERVAL,
    FOLLOWUP_IN_ATTACHMENT,
    FOLLOWUP_IN_BODY,
    get_setting,
)

# Checks for follow-ups that OTRS leaves switched off, and the settings that switch them on here.
_CHECK = re.compile(r"PostMaster::CheckFollowUpModule###\d+-(Body|Attachments|MessageID)", re.IGNORECASE)
CHECKS: dict[str, tuple[Setting[Any], str]] = {
    "body": (FOLLOWUP_IN_BODY, "yes"),
    "attachments": (FOLLOWUP_IN_ATTACHMENT, "yes"),
    "messageid": (DUPLICATE_MESSAGES, "follow-up"),
}

# When mail is fetched, as cron has it: every so many minutes.
SCHEDULE = "Daemon::SchedulerCronTaskManager::Task###MailAccountFetch"
_EVERY = re.compile(r"\*(?:/(\d{1,2}))? \* \* \* \*")

_SWITCH = {"1": "yes", "0": "no"}


class SettingTaker:
    """Takes values of the system configuration."""

    def __init__(self, session: Session, filters: ModuleFilterTaker, actor: str) -> None:
        self._session = session
        self._filters = filters
        self._actor = actor

    def take(self, row: DumpRow) -> Result:
        """Take one. Raises InputError if its value cannot be used here."""
        name = row.get("name")
        if row.get("user_id") not in ("", "0"):
            return Result(Taken.PASSED_OVER, "It is the choice of a single user.")
        if filtered := self._filters.take(row):
            return filtered
        if check := _CHECK.fullmatch(name):
            known, on = CHECKS[check[1].lower()]
            return self._change(known, on if row.get("is_valid") == "1" else known.show(known.default))
        spec = FETCH_INTERVAL if name == SCHEDULE else _setting(name)
        if spec is None:
            return _passed_over(name)
        if row.get("is_valid") == "0" or row.get("reset_to_default") == "1":
            return Result(Taken.UNCHANGED, "It is switched off there, so the default here stays.")
        return self._change(spec, _value_of(row, spec))

    def _change(self, spec: Setting[Any], value: str) -> Result:
        here = spec.show(get_setting(self._session, spec))
        there = spec.show(spec.parse(value))
        if here == there:
            return Result(Taken.UNCHANGED)
        if here != spec.show(spec.default) and not by_import(last_event(self._session, "setting", spec.name)):
            detail = f"It was changed here, and stays “{here}”; in the dump it is “{there}”."
            return Result(Taken.UNCHANGED, detail)
        change_setting(self._session, spec.name, value, self._actor)
        return Result(Taken.CHANGED, f"{spec.name} was “{here}”, and is “{there}” now.")


def _passed_over(name: str) -> Result:
    """What to say of a setting that has no counterpart."""
    found = unlike(name)
    if found is None:
        return Result(Taken.PASSED_OVER, "It has nothing to do with mail that comes in.")
    return Result(Taken.LEFT_OUT if found.by_hand else Taken.PASSED_OVER, found.instead)


def _value_of(row: DumpRow, spec: Setting[Any]) -> str:
    """What to enter for ``spec``. Raises InputError if the dump has something else than one value."""
    document = row.get("effective_value")
    value = _minutes(document) if row.get("name") == SCHEDULE else scalar(document)
    if value is None:
        raise refuse(spec.name, "is not a single value in the dump", "Enter it by hand.", "bad-setting")
    return _SWITCH.get(value, value) if isinstance(spec.default, bool) else value


def _minutes(document: str) -> str:
    """The minutes between two fetches. Raises InputError if they are not always as many."""
    task = read_document(document)
    schedule = " ".join(str(task.get("Schedule", "")).split()) if isinstance(task, dict) else ""
    every = _EVERY.fullmatch(schedule)
    if every is None:
        flaw = f"cannot be every “{schedule}”: it is a number of minutes"
        raise refuse(FETCH_INTERVAL.name, flaw, "Enter one that is near.", "bad-setting")
    return every[1] or "1"


def _setting(name: str) -> Setting[Any] | None:
    try:
        return find_setting(name)
    except NotFoundError:
        return None
