"""Values of the system configuration in a dump, as far as they concern mail."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.orm import Session

from postmaster.desk.configuration import change_setting
from postmaster.errors import NotFoundError
from postmaster.otrs.names import refuse
from postmaster.otrs.report import Taken
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.upsert import Result
from postmaster.system.setting import Setting
from postmaster.system.settings import (
    DUPLICATE_MESSAGES,
    FOLLOWUP_IN_ATTACHMENT,
    FOLLOWUP_IN_BODY,
    find_setting,
    get_setting,
)

# Names of settings about mail; the many others of a service desk have no counterpart here.
CONCERNS_MAIL = re.compile(
    r"postmaster|ticket::hook|ticket::subject|ticket::type::default|sendmail|loopprotection", re.IGNORECASE
)

# A YAML document that is one value (YAML 1.2, chapter 7), as the system configuration stores it.
_SCALAR = re.compile(
    r"\A(?:---[ \t]*+)?"
    r"(?:'(?P<single>(?:[^']|'')*+)'|\"(?P<double>(?:[^\"\\]|\\.)*+)\"|(?P<plain>[^\s'\"\[\]{}&*|>!%@`-][^\n]*+)|)\s*\Z",
    re.DOTALL,
)

# A value of PostgreSQL's type bytea, which installations have that were moved there from MySQL.
_BYTEA = re.compile(r"\\x((?:[0-9a-f]{2})*+)")

# Checks for follow-ups that OTRS leaves switched off, and the settings that switch them on here.
_CHECK = re.compile(r"PostMaster::CheckFollowUpModule###\d+-(Body|Attachments|MessageID)", re.IGNORECASE)
CHECKS: dict[str, tuple[Setting[Any], str]] = {
    "body": (FOLLOWUP_IN_BODY, "yes"),
    "attachments": (FOLLOWUP_IN_ATTACHMENT, "yes"),
    "messageid": (DUPLICATE_MESSAGES, "follow-up"),
}


class SettingTaker:
    """Takes values of the system configuration."""

    def __init__(self, session: Session, actor: str) -> None:
        self._session = session
        self._actor = actor

    def take(self, row: DumpRow) -> Result:
        """Take one. Raises InputError if there is no such setting here, or not with such a value."""
        check = _CHECK.fullmatch(row.get("name"))
        if check:
            spec, on = CHECKS[check[1].lower()]
            return self._change(spec, on if row.get("is_valid") == "1" else spec.show(spec.default))
        spec = _setting(row.get("name"))
        if row.get("is_valid") == "0" or row.get("reset_to_default") == "1":
            return Result(Taken.UNCHANGED, "It is switched off there, so the default here stays.")
        value = scalar(row.get("effective_value"))
        if value is None:
            raise refuse(spec.name, "is not a single value in the dump", "Enter it by hand.", "bad-setting")
        return self._change(spec, value)

    def _change(self, spec: Setting[Any], value: str) -> Result:
        here = spec.show(get_setting(self._session, spec))
        there = spec.show(spec.parse(value))
        if here == there:
            return Result(Taken.UNCHANGED)
        if here != spec.show(spec.default):
            return Result(Taken.UNCHANGED, f"It was changed here, and stays “{here}”; in the dump it is “{there}”.")
        change_setting(self._session, spec.name, value, self._actor)
        return Result(Taken.CHANGED, f"{spec.name} was “{here}”, and is “{there}” now.")


def _setting(name: str) -> Setting[Any]:
    try:
        return find_setting(name)
    except NotFoundError:
        advice = "Those that there are: flask setting list"
        raise refuse("Setting", f"{name} has no counterpart here", advice, "unknown-setting") from None


def concerns_mail(row: DumpRow) -> bool:
    """Whether a row is about mail, and holds for everybody."""
    return bool(CONCERNS_MAIL.search(row.get("name"))) and not row.get("user_id")


def scalar(document: str) -> str | None:
    """The value of a YAML document that holds one; None if it holds something else."""
    if binary := _BYTEA.fullmatch(document):
        document = bytes.fromhex(binary[1]).decode("utf-8", "surrogateescape")
    found = _SCALAR.match(document)
    if found is None:
        return None
    single, double, plain = found.groups()
    if single is not None:
        return single.replace("''", "'")
    if double is not None:
        return re.sub(r"\\(.)", r"\1", double, flags=re.DOTALL)
    return (plain or "").strip()
