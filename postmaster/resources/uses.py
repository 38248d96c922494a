"""What names a record, and what is said before a change leaves it naming something that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from postmaster.errors import InputError
from postmaster.resources.fields import InvalidFieldsError

_ADVICE = "Change what names it first, or confirm the change: by --yes, or by the box below the form."

# How many uses a refusal names.
NAMED_USES = 10


@dataclass(frozen=True, slots=True)
class Use:
    """Something that uses a record: what kind it is, the phrase that sentences name it by, and what a page finds it by.

    ``by_name``: it holds the name, and so loses the record when that is called otherwise. ``keeps``: only deleting
    would harm it.
    """

    noun: str
    phrase: str
    id: int | str | None = None
    by_name: bool = False
    keeps: bool = False

    def __str__(self) -> str:
        return self.phrase


# Who uses a record, told by a room that the record's own room does not know: imports go down only.
Users = list[Callable[[Any, Any], Iterable[Use]]]


class StillNamedError(InvalidFieldsError):
    """A change that is only made if it is confirmed, because ``uses`` would name what is not there any more.

    ``beside_list`` is what is said at the field where they are listed anyway, above the box that confirms.
    """

    def __init__(self, field: str, label: str, change: str, uses: Sequence[Use]) -> None:
        message = f"{change}, but it is named by {enumeration(map(str, uses))}."
        error = InputError(label, message, _ADVICE, "still-named")
        super().__init__({field: error})
        self.uses = tuple(uses)
        short = f"{change}, but it is still named."
        self.beside_list = {field: InputError(label, short, "See below what names it.", "still-named")}


def enumeration(phrases: Iterable[str]) -> str:
    """``a, b, c and 5 more``."""
    listed = list(phrases)
    more = len(listed) - NAMED_USES
    return ", ".join(listed[:NAMED_USES]) + (f" and {more} more" if more > 0 else "")
