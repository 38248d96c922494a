"""What lies in ``deploy/`` fits the program: names of variables, commands and files."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from flask import Flask

from postmaster.config import VARIABLES
from postmaster.config.reference import OTHER_VARIABLES
from tests.guard.sitecustomize import variables

TOP = Path(__file__).parents[2]
GUIDE = (TOP / "docs" / "deploy.md").read_text()
COMPOSE = yaml.safe_load((TOP / "deploy" / "compose" / "compose.yaml").read_text())

# What the containers beside ours read.
OF_CONTAINERS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}


def known_variables() -> set[str]:
    """Those of the table that reading and reference are made from."""
    return {row.name for row in VARIABLES} | {name for name, *_ in OTHER_VARIABLES}


@pytest.mark.parametrize("path", ["deploy/postmaster.env", "deploy/compose/env.example"])
def test_the_variables_are_ones_that_are_read(path: str) -> None:
    names = re.findall(r"^(?:# )?([A-Z_]+)=", (TOP / path).read_text(), re.MULTILINE)
    assert len(names) >= 9
    assert set(names) <= known_variables() | OF_CONTAINERS


def test_every_password_of_the_containers_must_be_filled_in() -> None:
    asked = re.findall(r"\$\{([A-Z_]+)(:\?)?", (TOP / "deploy" / "compose" / "compose.yaml").read_text())
    assert {name for name, _ in asked} == {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert all(refusal for _, refusal in asked)


@pytest.mark.parametrize("service", ["web", "worker", "upgrade"])
def test_a_container_has_no_more_rights_than_it_needs(service: str) -> None:
    described = COMPOSE["services"][service]
    assert described["read_only"] is True
    assert described["cap_drop"] == ["ALL"]
    assert described["volumes"] == ["data:/data"]


def test_nothing_starts_before_the_tables_are_up_to_date() -> None:
    for service in ("web", "worker"):
        assert COMPOSE["services"][service]["depends_on"]["upgrade"]["condition"] == "service_completed_successfully"


def test_the_pages_are_published_on_this_machine_only() -> None:
    assert COMPOSE["services"]["web"]["ports"] == ["127.0.0.1:5000:5000"]
    assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["web"]


def test_what_the_image_gets_of_the_repository_is_enough(tmp_path: Path) -> None:
    copy_context(tmp_path)
    script = (
        "import runpy, postmaster;"
        "app = postmaster.create_app();"
        "client = app.test_client();"
        "config = runpy.run_path('deploy/gunicorn.conf.py');"
        "print(client.get('/login').status_code, client.get('/static/app.css').status_code, config['bind'])"
    )
    environ = {"PATH": os.environ["PATH"], "POSTMASTER_DATA_DIR": str(tmp_path / "data"), **variables()}
    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ["200", "200", "127.0.0.1:5000"]
    assert {path.name for path in tmp_path.iterdir()}.isdisjoint({"tests", "bench", "instance", ".git", ".venv"})


def copy_context(folder: Path) -> None:
    """What ``.dockerignore`` lets through: all is shut out but the lines that begin with ``!``.

    What Python has compiled comes along, so that it is not compiled again.
    """
    lines = (TOP / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    for name in (line[1:] for line in lines if line.startswith("!")):
        source, target = TOP / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)


def commands_of_the_guide() -> list[str]:
    """Each command of ours that the guide tells people to enter, by either name of the program."""
    lines = re.findall(r"^    (.*)|`([^`\n]+)`", GUIDE, re.MULTILINE)
    found = []
    for line in (indented or quoted for indented, quoted in lines):
        command = re.search(r"(?:sudo (?:/usr/local/bin/)?postmaster|\bflask|bin/postmaster) +([a-z].*)", line)
        if command:
            found.append(command[1].partition("#")[0].strip())
    return found


def test_the_guide_names_commands() -> None:
    assert {"db upgrade", "user add --name admin", "status", "credential rotate-key"} <= set(commands_of_the_guide())


@pytest.mark.parametrize("line", sorted(set(commands_of_the_guide())))
def test_a_command_of_the_guide_exists_with_these_options(app: Flask, line: str) -> None:
    command: click.Command = app.cli
    words = shlex.split(line)
    while words and isinstance(command, click.Group):
        with app.app_context():
            found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, line
        command = found.make_context(None, [], resilient_parsing=True).command
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"/opt/postmaster/((?:deploy|docs)/[\w./*-]+|[\w.]+\.lock)", GUIDE)))
)
def test_a_file_that_the_guide_names_is_there(path: str) -> None:
    assert [file for file in files_of(Path(path).parent) if fnmatch.fnmatch(file, Path(path).name)]


def files_of(folder: Path) -> list[str]:
    return [file.name for file in (TOP / folder).iterdir()]
