"""What commands import, which is most of what they cost: see bench/start."""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from postmaster.cli import COMMANDS
from postmaster.cli.account import ON_THE_SERVER
from postmaster.cli.lazy import LazyCommand
from postmaster.extensions import MODEL_MODULES

TOP = Path(__file__).parents[2]

# ``flask`` itself loads the plug-ins of libraries, here none; what is loaded then is for the command.
COMMAND = """
import atexit, json, sys
from importlib import metadata
metadata.entry_points = lambda **_: ()
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from flask.cli import main
main()
"""

# Those of Flask and SQLAlchemy; Alembic is for “flask db”, and for an embedded database that is not of this version.
LIBRARIES = {
    *("blinker", "click", "dotenv", "flask", "itsdangerous", "jinja2", "markupsafe", "werkzeug"),
    *("flask_sqlalchemy", "greenlet", "sqlalchemy", "typing_extensions"),
}

# Modules of ours, as patterns.
ALWAYS = "application cli cli.door cli.lazy clock config config.* database errors extensions logs pipe_guard schema"
ALWAYS += " signals streams urls"
STORED = "accounts accounts.fingerprint accounts.hosts accounts.kinds accounts.models accounts.sealed_columns"
STORED += " accounts.sealing accounts.types cli.base desk desk.models fetching ledger ledger.flow_models ledger.models"
STORED += " pipeline pipeline.outcome resources resources.* system system.*"

IMPORTED: dict[tuple[str, ...], tuple[str, set[str]]] = {
    ("--help",): (ALWAYS, set()),
    ("fetch",): (
        f"{ALWAYS} {STORED} accounts.credential_health accounts.health accounts.mailbox cli.fetch"
        " fetching.counters fetching.pause fetching.pool fetching.selection",
        set(),
    ),
    ("read",): (
        f"{ALWAYS} {STORED} bulk cli.read confined roundtrips desk.* fetching.foresight fetching.pending fetching.pipe"
        " ledger.* outbox outbox.* parsing parsing.* pipeline.*",
        {"regex", "webencodings", "zstandard"},
    ),
}

# Has each module of models resolve its foreign keys and relationships, in a process that has imported nothing else.
MODELS_ALONE = """
import importlib, json, os, sys
from sqlalchemy.orm import configure_mappers
from postmaster.extensions import Base, MODEL_MODULES
for name in MODEL_MODULES:
    if not os.fork():
        importlib.import_module(f"postmaster.{name}")
        configure_mappers()
        assert all(key.column is not None for table in Base.metadata.tables.values() for key in table.foreign_keys)
        os._exit(0)
    assert os.wait()[1] == 0, name
"""


def python(code: str, environ: dict[str, str], *words: str, input: bytes = b"") -> Any:  # noqa: A002
    command = [sys.executable, "-c", code, *words]
    environ = {"FLASK_APP": "postmaster", **environ}
    done = subprocess.run(command, cwd=TOP, env=environ, input=input, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stderr.decode().splitlines()


@pytest.mark.database("sqlite")
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("words", IMPORTED, ids=" ".join)
def test_a_command_imports_what_it_needs(environ: dict[str, str], words: tuple[str, ...]) -> None:
    """``app`` has made the database: to make it takes all that there is."""
    message = b"From: ada@example.net\nSubject: Hello\n\nHello.\n"
    modules = json.loads(python(COMMAND, environ, *words, input=message)[-1])
    ours, libraries = IMPORTED[words]
    patterns = [f"postmaster.{pattern}" for pattern in ours.split()]
    named = [name for name in modules if name.startswith("postmaster.")]
    assert [name for name in named if not any(fnmatch(name, pattern) for pattern in patterns)] == []
    others = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - LIBRARIES - libraries
    assert {name for name in others if not name.startswith(("_", "cython_", "sitecustomize"))} == {"postmaster"}


def test_models_have_with_them_what_their_foreign_keys_name(environ: dict[str, str]) -> None:
    python(MODELS_ALONE, environ)


def test_all_models_are_known() -> None:
    package = TOP / "postmaster"
    found = {".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*models.py")}
    assert found == set(MODEL_MODULES)


@pytest.mark.parametrize("command", [*COMMANDS, *ON_THE_SERVER], ids=lambda command: command.name)
def test_the_list_says_of_a_command_what_its_own_help_begins_with(command: LazyCommand) -> None:
    itself = command.load()
    assert (command.name, command.get_short_help_str(1000)) == (itself.name, itself.get_short_help_str(1000))
