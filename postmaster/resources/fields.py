"""Fields of what admins enter, as data: form, command line, import and export all read the same tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from postmaster.errors import InputError, PostMasterError
from postmaster.resources.models import Validity
from postmaster.resources.readers import InvalidValue, line, member, paragraph

# A value as JSON and TOML have it; None only in JSON. Several lines are a list there.
Value = str | int | bool | tuple[str, ...] | None


_LINE = line(1000)


def typed(value: Value) -> str:
    """``value`` as it is typed."""
    if isinstance(value, tuple):
        return "\n".join(value)
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    return str(value)


@dataclass(frozen=True)
class Field:
    """A field of a resource: ``label`` is what users see, ``name`` stands in files and, with hyphens, for its option.

    ``read`` makes the value of a text that is not empty; ``empty`` is the value of an empty one. ``default`` is the
    text that leaving the field out means when a resource is added. ``column`` is its attribute, if not ``name``.
    ``fixed`` fields stay as they were added; ``secret`` ones are sealed and never shown. ``lines`` fields hold a line
    for each time that the option is given; those that are secret hold all lines of standard input.
    """

    name: str
    label: str
    mandatory: bool = False
    read: Callable[[str], Any] = _LINE
    empty: Any = None
    default: str = ""
    column: str = ""
    metavar: str = "TEXT"
    help: str = ""
    fixed: bool = False
    secret: bool = False
    lines: bool = False

    @property
    def option(self) -> str:
        """The field's option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def attribute(self) -> str:
        """The attribute of the model that holds the field."""
        return self.column or self.name

    @property
    def choices(self) -> tuple[str, ...]:
        """The words it takes, if it takes only some: ``metavar`` lists them, while a placeholder is in capitals."""
        return () if self.metavar.isupper() and "|" not in self.metavar else tuple(self.metavar.split("|"))

    def parse(self, text: str) -> Any:
        """The value that ``text`` means. Raises InputError naming the field."""
        text = text if self.secret else text.strip()
        if not text and self.mandatory:
            raise InputError(self.label, f"{self.label} is missing.", code="missing-field")
        if not text:
            return self.empty
        try:
            return self.read(text)
        except InvalidValue as error:
            raise self.refuse(error.flaw, error.advice) from None

    def refuse(self, flaw: str, advice: str = "", code: str = "invalid-value") -> InputError:
        """The error that says what is wrong with this field; ``flaw`` continues the sentence after its label."""
        return InputError(self.label, f"{self.label} {flaw}.", advice, code)


VALIDITY = Field(
    "validity",
    "Validity",
    mandatory=True,
    read=member(Validity),
    default=Validity.VALID.value,
    metavar="valid|invalid|invalid-temporarily",
    help="Only valid ones are used.",
)
COMMENT = Field("comment", "Comment", read=paragraph, empty="", help="Shown in the list.")


class InvalidFieldsError(PostMasterError):
    """Values that are refused, all together: ``errors`` maps the name of a field to what is wrong with it."""

    def __init__(self, errors: Mapping[str, InputError]) -> None:
        first = next(iter(errors.values()))
        super().__init__(first.code, " ".join(str(error) for error in errors.values()))
        self.errors = dict(errors)

    def sentences(self) -> list[str]:
        """One for each field."""
        return [sentence for error in self.errors.values() for sentence in error.sentences()]


class FieldErrors:
    """Collects what is wrong, field by field; the first flaw of a field is the one that counts."""

    def __init__(self) -> None:
        self._errors: dict[str, InputError] = {}

    def __bool__(self) -> bool:
        return bool(self._errors)

    def __contains__(self, field: Field) -> bool:
        return field.name in self._errors

    def add(self, name: str, error: InputError) -> None:
        """Note that the field called ``name`` is refused."""
        self._errors.setdefault(name, error)

    @contextmanager
    def catching(self, field: Field) -> Iterator[None]:
        """Note what the block refuses as a flaw of ``field``."""
        try:
            yield
        except InputError as error:
            self.add(field.name, error)

    def raise_if_any(self, fields: Sequence[Field]) -> None:
        """Raise InvalidFieldsError if anything was noted, in the order of ``fields``."""
        if self._errors:
            raise InvalidFieldsError(
                {field.name: self._errors[field.name] for field in fields if field.name in self._errors}
            )
