"""The targets of alerts that admins add: find, add, change, delete; ``operations.targets`` has all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import String, func, select, type_coerce

from postmaster.accounts.sealing import opens, seal
from postmaster.errors import NotFoundError
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.models import AlertTarget
from postmaster.operations.quiet_hours import quiet_hours
from postmaster.operations.targets import is_address
from postmaster.resources.fields import COMMENT, VALIDITY, Field, Value
from postmaster.resources.listing import Listing
from postmaster.resources.models import Validity
from postmaster.resources.named_service import NamedService
from postmaster.resources.readers import InvalidValue, line, name_within, one_of


class TargetHealth(StrEnum):
    """What keeps a target from being told anything; ``healthy`` if nothing does."""

    INVALID = "invalid"
    NEEDS_KEY = "needs-key"
    NEEDS_ADDRESS = "needs-address"
    HEALTHY = "healthy"


def _sealed_address(text: str) -> str:
    """An address for Apprise. It is not repeated in a refusal: it may hold a password."""
    address = line(2000)(text.strip())
    if re.search(r"[?&](template|keyfile)=", address, re.IGNORECASE):
        raise InvalidValue("names a file of this machine", "Leave template= and keyfile= out.")
    if any(char.isspace() for char in address) or not is_address(address):
        raise InvalidValue(
            "is not an address that Apprise can send to",
            "Enter it as in mailtos://user:password@smtp.example.com?to=ops@example.com; all kinds: "
            "https://github.com/caronc/apprise/wiki",
        )
    return seal(address)


def _conditions(text: str) -> list[str]:
    read = one_of(*(condition.name for condition in CONDITIONS))
    chosen = {read(word.strip()) for word in text.splitlines() if word.strip()}
    return [condition.name for condition in CONDITIONS if condition.name in chosen]


NAME = Field("name", "Name", mandatory=True, read=name_within(60), metavar="NAME", help="What lists call it.")
ADDRESS = Field(
    "address",
    "Address",
    mandatory=True,
    read=_sealed_address,
    column="sealed_address",
    secret=True,
    help="Where alerts are sent, as Apprise writes it: mailtos://user:password@smtp.example.com?to=ops@example.com, or "
    "jsons://hooks.example.com/postmaster. Stored encrypted.",
)
TOLD_OF = Field(
    "conditions",
    "Conditions",
    read=_conditions,
    empty=(),
    metavar="CONDITION",
    lines=True,
    help=f"What it is told of; all if none is given. One of {', '.join(each.name for each in CONDITIONS)}.",
)
QUIET_HOURS = Field(
    "quiet_hours",
    "Quiet hours",
    read=quiet_hours,
    empty="",
    metavar="HH:MM-HH:MM",
    help="When nothing is sent to it, as in 22:00-06:00. What is still wrong afterwards is sent then.",
)


class TargetService(NamedService[AlertTarget]):
    """Targets of alerts. Their addresses are sealed when they are read."""

    noun = "target"
    plural = "targets"
    fields: ClassVar[tuple[Field, ...]] = (NAME, ADDRESS, TOLD_OF, QUIET_HOURS, VALIDITY, COMMENT)
    key: ClassVar[Field] = NAME
    model = AlertTarget

    def health(self, record: AlertTarget) -> TargetHealth:
        """Whether it can be told anything."""
        if record.validity is not Validity.VALID:
            return TargetHealth.INVALID
        if not record.sealed_address:
            return TargetHealth.NEEDS_ADDRESS
        return TargetHealth.HEALTHY if opens(record.sealed_address) else TargetHealth.NEEDS_KEY

    def value(self, record: AlertTarget, field: Field) -> Value:
        """The field's value."""
        return tuple(record.conditions or ()) if field == TOLD_OF else super().value(record, field)

    def names_of(self, field: Field) -> Mapping[str, str]:
        """What can be chosen in ``field``, of which any number may be, with what it is called."""
        return {condition.name: condition.title for condition in CONDITIONS}

    def resolve(self, field: Field, value: Any) -> Any:
        """A list, as it is stored."""
        return list(value) if field == TOLD_OF else value

    def unknown(self, text: str) -> NotFoundError:
        """The error that nothing is called ``text``."""
        return NotFoundError("unknown-target", f"There is no target “{text}”.", "Run: flask alert target list")


TARGET_LISTING = Listing(
    key=AlertTarget.id,
    query=select(AlertTarget),
    searched=(AlertTarget.name, AlertTarget.comment, type_coerce(AlertTarget.validity, String)),
    sorts={"name": (func.lower(AlertTarget.name),)},
)
