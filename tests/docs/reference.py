"""The parts of docs/reference.md that are made from the tables of the code: ``bin/reference`` writes them anew.

A part stands between ``<!-- made: NAME -->`` and ``<!-- end -->``. The help pages are made of the same entries.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.config.reference import markdown_rows
from postmaster.web.help_entry import Entry
from postmaster.web.help_topics import TOPICS
from tests.docs.documents import TOP

PAGE = TOP / "docs" / "reference.md"
PART = re.compile(r"(<!-- made: ([a-z-]+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def entries(topic: str, title: str) -> list[Entry]:
    """The entries of a section of the help."""
    [section] = [section for section in TOPICS[topic].sections() if section.title == title]
    return list(section.entries)


def table(topic: str, title: str, name: str) -> Callable[[], str]:
    """A table of a section: its entries, with a column for each fact that one of them has."""

    def made() -> str:
        rows = [_cells(name, entry) for entry in entries(topic, title)]
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines = [_row(columns), "|" + "---|" * len(columns)]
        return "\n".join([*lines, *(_row(row.get(column, "") for column in columns) for row in rows)]) + "\n"

    return made


def _cells(name: str, entry: Entry) -> dict[str, str]:
    """The cells of a row by their columns; empty ones are left out."""
    cells = {name: _code(entry.code or entry.name)}
    if entry.code:
        cells["Called"] = _cell(entry.name)
    if entry.text:
        cells["Means"] = _cell(entry.text)
    return cells | {label: _cell(text) for label, text in entry.facts}


def commands() -> str:
    """Each command of ours, by its group: usage, what it does, and its options."""
    return "\n".join(_commands(entries("commands", "Commands")))


def _commands(rows: Iterable[Entry]) -> Iterator[str]:
    group = ""
    for entry in rows:
        _, first, *rest = entry.name.split()
        if first in ("run", "shell", "routes") or (first == "db" and rest != ["upgrade"]):
            continue  # Flask's own
        if first != group:
            yield f"#### flask {first}\n"
            group = first
        yield f"**`{entry.code}`**\\"
        yield f"{_plain(entry.text)}\n"
        options = [f"- `{option}`: {_plain(words)}" for option, words in entry.facts if words and option != "--help"]
        if options:
            yield "\n".join(options) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """``text``, of which nothing is taken for markup."""
    return re.sub(r"([*_<\[\\])", r"\\\1", " ".join(text.split()))


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "exit-codes": table("commands", "Exit codes", "Code"),
    "account-types": table("accounts", "Types", "Type"),
    "health": table("accounts", "Health", "Word in JSON"),
    "credential-kinds": table("credentials", "Kinds", "Kind"),
    "pseudo-headers": table("filters", "What conditions can test besides headers", "Name"),
    "examples": table("filters", "How conditions and values are written", "Written"),
    "headers": table("headers", "X-OTRS headers", "Header"),
    "environment": lambda: "\n".join(markdown_rows()) + "\n",
    "settings": table("settings", "Settings", "Setting"),
    "reasons": table("reasons", "Reason codes", "Code"),
    "faults": table("errors", "Fetching", "Code"),
    "refusals": table("errors", "Refusals", "Code"),
}


def made(page: str) -> str:
    """``page`` with its parts as the tables of the code have them."""
    return PART.sub(lambda found: found[1] + PARTS[found[2]](), page)


def main() -> None:
    """Write the parts anew."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(load_environment({"POSTMASTER_DATA_DIR": folder}))
        with app.app_context():
            PAGE.write_text(made(PAGE.read_text()))


if __name__ == "__main__":
    main()
