"""What somebody can change of a ticket beside its queue and its state: each is taken from a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from postmaster.errors import InputError
from postmaster.resources.fields import Field
from postmaster.resources.readers import line, one_of
from postmaster.system.list_settings import (
    OWNER_LIST,
    PRIORITY_LIST,
    RESPONSIBLE_LIST,
    SERVICE_LIST,
    SLA_LIST,
    TYPE_LIST,
)
from postmaster.system.lists import name_of
from postmaster.system.setting import ListSetting
from postmaster.system.settings import get_setting

LOCKS = ("lock", "unlock")


@dataclass(frozen=True)
class TicketChoice:
    """An attribute of tickets. Its words are the entries of ``among``, or ``fixed``; an optional one may be empty."""

    name: str
    label: str
    among: ListSetting[Any] | None = None
    fixed: Sequence[str] = ()
    optional: bool = False

    def words(self, session: Session) -> Sequence[str]:
        """What it can be, as things stand."""
        return [name_of(entry) for entry in get_setting(session, self.among)] if self.among else self.fixed

    def read(self, session: Session, text: str) -> str | None:
        """The word that ``text`` names, case-insensitively; None for empty. Raises InputError."""
        if self.optional and not text.strip():
            return None
        words = self.words(session)
        if not words and self.among:
            message = f"There is nothing to choose from for {self.label}."
            raise InputError(self.label, message, f"Have entries added to {self.among.name}.", "invalid-value")
        found: str = Field(self.name, self.label, mandatory=True, read=one_of(*words)).parse(text)
        return found

    @property
    def field(self) -> Field:
        """The parameter of programs, and the option of the command."""
        named = f"one of {self.among.name}" if self.among else " or ".join(self.fixed)
        empty = "; empty takes it away" if self.optional else ""
        return Field(
            self.name, self.label, read=line(200), metavar=self.name.upper(), help=f"{self.label}: {named}{empty}."
        )


TICKET_CHOICES: dict[str, TicketChoice] = {
    choice.name: choice
    for choice in (
        TicketChoice("priority", "Priority", PRIORITY_LIST),
        TicketChoice("type", "Type", TYPE_LIST),
        TicketChoice("owner", "Owner", OWNER_LIST, optional=True),
        TicketChoice("responsible", "Responsible", RESPONSIBLE_LIST, optional=True),
        TicketChoice("service", "Service", SERVICE_LIST, optional=True),
        TicketChoice("sla", "SLA", SLA_LIST, optional=True),
        TicketChoice("lock", "Lock", fixed=LOCKS),
    )
}
