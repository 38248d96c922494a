"""The documents of the project, and what can be pointed at in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TOP = Path(__file__).parents[2]
PACKAGE = TOP / "postmaster"

_TEXT = {
    ".py",
    ".md",
    ".html",
    ".css",
    ".js",
    ".toml",
    ".cfg",
    ".sql",
    ".service",
    ".timer",
    ".env",
    ".yaml",
    ".conf",
    "",
}
_ROOTS = ("postmaster", "templates", "static", "tests", "bench", "bin", "demo", "deploy", "docs")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """All documents in Markdown, but those of what is not ours."""
    return sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md"), TOP / "bench/README.md"])


def texts() -> Iterator[Path]:
    """All files that people write and read, documents and code alike."""
    yield from TOP.glob("*.md")
    yield from (TOP / name for name in ("pyproject.toml", "overrides.txt", "worker.py"))
    for root in _ROOTS:
        for path in sorted((TOP / root).rglob("*")):
            if path.is_file() and path.suffix in _TEXT and not {"vendor", "__pycache__"} & set(path.parts):
                yield path


@cache
def headings(document: Path) -> tuple[str, ...]:
    """The headings of a document, as they are written."""
    return tuple(re.findall(r"^#+ (.+?)\s*$", _FENCE.sub("", document.read_text()), re.MULTILINE))


@cache
def anchors(document: Path) -> frozenset[str]:
    """What a link to a heading of ``document`` can end with, as GitHub makes it."""
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(document))


def section(document: str, heading: str) -> str:
    """What stands under ``heading``, up to the next heading of any level."""
    text = (TOP / document).read_text()
    return re.split(rf"^#+ {re.escape(heading)}\s*$", text, maxsplit=1, flags=re.MULTILINE)[1].split("\n#", 1)[0]
