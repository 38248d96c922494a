"""What the table of variables says to people: rows for the reference, and the example that is deployed.

``python -m postmaster.config.reference > deploy/postmaster.env`` makes that file anew; a test tells when to. With
``--markdown`` it prints the rows.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

from postmaster.config import VARIABLES
from postmaster.config.variable import Variable

# What the programs around PostMaster read: name, meaning, values, default.
OTHER_VARIABLES = (
    ("POSTMASTER_BIND", "Where gunicorn listens, by deploy/gunicorn.conf.py.", "address:port", "127.0.0.1:5000"),
    ("WEB_CONCURRENCY", "How many processes of gunicorn serve the pages.", "a number", "2"),
    ("HTTPS_PROXY", "The proxy to identity providers.", "an address", ""),
    ("NO_PROXY", "Hosts that are reached without that proxy.", "names separated by commas", ""),
)

_HEADING = """\
# /etc/postmaster.env: the environment of the services and of the command "postmaster".
# All of it: docs/reference.md#environment.
# Values stand in single quotes, because systemd and the shell both read this file.
"""


def markdown_rows() -> Iterator[str]:
    """The lines of a Markdown table of all variables."""
    yield "| Variable | Means | Values | Default |"
    yield "|---|---|---|---|"
    for row in VARIABLES:
        yield _markdown(row.name, row.meaning, row.values, row.default_words or _code(row.default))
    for name, meaning, values, default in OTHER_VARIABLES:
        yield _markdown(name, meaning, values, _code(default))


def _markdown(name: str, meaning: str, values: str, default: str) -> str:
    return f"| `{name}` | {meaning} | {values} | {default} |".replace("|  |", "| |")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def example_file() -> str:
    """The text of deploy/postmaster.env: what is deployed, and the rest as comments with an example."""
    rows = sorted(VARIABLES, key=lambda row: row.deployed is None)
    return "\n".join([_HEADING, *map(_assignment, rows)])


def _assignment(row: Variable) -> str:
    comment = textwrap.fill(row.meaning, 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    if row.deployed is not None:
        return f"{comment}\n{row.name}='{row.deployed}'\n"
    example = "" if row.example.startswith("$(") else row.example  # nothing is evaluated in single quotes
    return f"{comment}\n# {row.name}='{example}'\n"


if __name__ == "__main__":
    sys.stdout.write("".join(f"{row}\n" for row in markdown_rows()) if "--markdown" in sys.argv else example_file())
