"""What is installed from a wheel runs, away from the repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guard.sitecustomize import variables

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel of this repository was installed into."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=TOP, check=True)
    [wheel] = folder.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder / "site"]
    subprocess.run([*pip, wheel], check=True)
    return folder / "site"


def python(installed: Path, folder: Path, *words: str | Path) -> str:
    """What that Python prints, which sees the wheel and not the repository."""
    environ = {"PATH": "/usr/bin:/bin", "POSTMASTER_DATA_DIR": str(folder / "data"), **variables(str(installed))}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environ, capture_output=True, text=True, check=True
    ).stdout


def test_commands_work_on_an_empty_data_directory(installed: Path, tmp_path: Path) -> None:
    listed = python(installed, tmp_path, "-m", "flask", "--app", "postmaster", "queue", "list", "--json")
    assert '"Raw"' in listed


def test_pages_find_their_templates_and_static_files(installed: Path, tmp_path: Path) -> None:
    script = (
        "import postmaster; client = postmaster.create_app().test_client();"
        "print(postmaster.__file__, client.get('/login').status_code, client.get('/static/app.css').status_code)"
    )
    assert python(installed, tmp_path, "-c", script).split() == [f"{installed}/postmaster/__init__.py", "200", "200"]


def test_the_worker_is_a_program_of_its_own(installed: Path, tmp_path: Path) -> None:
    assert "postmaster-worker" in python(installed, tmp_path, installed / "bin" / "postmaster-worker", "--help")
