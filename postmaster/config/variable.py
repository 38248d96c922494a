"""One environment variable: how its text is read, and what people are told about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postmaster.config.readers import UnusableError
from postmaster.errors import ConfigError

ROW = "variable"
"""The key in the metadata of a field of ``Environment`` under which its variable stands."""


@dataclass(frozen=True)
class Variable:
    """A row of the table in ``postmaster.config``.

    ``read`` makes a value of the text, or raises UnusableError. ``default`` is the text that counts while the variable
    is unset or empty; where there is none, ``without`` gives the value instead, for the data directory it is told, and
    ``default_words`` says what that is. ``values`` says which values are allowed, ``example`` is one of them, and
    ``deployed`` is what deploy/postmaster.env sets; None leaves the variable as a comment there.
    """

    name: str
    read: Callable[[str], Any]
    meaning: str
    values: str
    example: str
    default: str = ""
    default_words: str = ""
    without: Callable[[Path], Any] = lambda _data_dir: None
    deployed: str | None = None

    @property
    def field(self) -> str:
        """The field of ``Environment`` with its value."""
        return self.name.removeprefix("POSTMASTER_").lower()

    def value(self, environ: Mapping[str, str], data_dir: Path) -> Any:
        """What ``environ`` says. Raises ConfigError naming the variable, what is wrong, and an example."""
        text = environ.get(self.name, "").strip() or self.default
        if not text:
            return self.without(data_dir)
        try:
            return self.read(text)
        except UnusableError as error:
            advice = f"Example: {self.name}={self.example}"
            raise ConfigError("bad-setting", f"{self.name} {error}.", advice) from error


def variable(
    name: str, read: Callable[[str], Any], meaning: str, values: str, example: str, *, secret: bool = False, **more: Any
) -> Any:
    """The field of ``Environment`` that holds the value; what is ``secret`` stands in no ``repr``."""
    return dataclasses.field(repr=not secret, metadata={ROW: Variable(name, read, meaning, values, example, **more)})
