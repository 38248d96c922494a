"""What a setting is: its name, its default, its meaning, and how its value is read and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from postmaster.errors import InputError
from postmaster.resources.readers import InvalidValue, WholeNumber
from postmaster.system.lists import LIST_SEPARATOR, NAMES, ListColumn

T = TypeVar("T")


@dataclass(frozen=True)
class Setting(Generic[T]):
    """A setting. ``read`` makes its value from text, and raises InvalidValue if it is out of range.

    ``choices`` are the words it takes, if it takes only some; ``among`` is the setting that lists them. ``unit`` is
    what a number counts.
    """

    name: str
    default: T
    description: str
    read: Callable[[str], T]
    choices: tuple[str, ...] = ()
    among: ListSetting[Any] | None = None
    unit: str = ""

    def parse(self, text: str) -> T:
        """The value that ``text`` means. Raises InputError naming the setting."""
        text = text.strip()
        try:
            if not text and not self.may_be_empty:
                raise InvalidValue("is empty", f"Its default is {self.show(self.default)}.")
            return self.read(text)
        except InvalidValue as error:
            raise InputError(self.name, f"{self.name} {error.flaw}.", error.advice, code="bad-setting") from None

    def show(self, value: T) -> str:
        """``value`` as it is entered."""
        return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)

    @property
    def may_be_empty(self) -> bool:
        """Whether it may be left empty."""
        return False

    @property
    def is_switch(self) -> bool:
        """Whether it is either on or off."""
        return self.choices == ("yes", "no")

    @property
    def allowed(self) -> str:
        """The range of a number, in words."""
        return f"{self.read.low:,} to {self.read.high:,}" if isinstance(self.read, WholeNumber) else ""


@dataclass(frozen=True)
class ListSetting(Setting[tuple[T, ...]]):
    """A setting that is a list: see ``system.lists``. ``columns`` are the parts of each entry."""

    columns: tuple[ListColumn, ...] = NAMES

    def show(self, value: tuple[T, ...]) -> str:
        """The entries, separated by semicolons."""
        return LIST_SEPARATOR.join(str(entry) for entry in value)

    @property
    def may_be_empty(self) -> bool:
        """Services and the like may be; a list that a default stands in is refused where that is checked."""
        return True


@dataclass(frozen=True)
class OptionalSetting(Setting[str]):
    """A setting that may be left empty."""

    @property
    def may_be_empty(self) -> bool:
        """It may."""
        return True
