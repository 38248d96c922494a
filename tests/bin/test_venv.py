"""What bin/launcher/venv.sh installs, and what it says when it cannot: by pip, from a folder of small packages."""

from __future__ import annotations

import hashlib
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.bin.test_clone import make_empty
from tests.servers.process import shell_environment
from tests.turns import in_turns

VENV = Path(__file__).parents[2] / "bin" / "launcher" / "venv.sh"

NAMES = ("spam", "egg", "bacon")


def wheel(folder: Path, name: str) -> str:
    """Make a package with one module; returns the hash of it."""
    file, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    content = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where packages are in the environment of a folder that has a lock of three packages. Of the others it has pip."""
    site = make_empty(tmp_path / ".venv")
    (site / "pip").symlink_to(Path(sysconfig.get_path("purelib")) / "pip")
    lines = (f"{name}==1.0 \\\n    --hash=sha256:{wheel(tmp_path, name)}\n    # via us\n" for name in NAMES)
    (tmp_path / "some.lock").write_text("".join(lines))
    return site


def prepare(folder: Path) -> subprocess.CompletedProcess[str]:
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    own = {name: value for name, value in shell_environment().items() if not name.startswith("PIP_")}
    script = f'set -eu; . "{VENV}"; prepare_venv some.lock --no-compile'
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env={**own, **offline}, capture_output=True, text=True, check=False
    )


def test_all_of_a_lock_is_installed_and_the_second_time_nothing(site: Path, tmp_path: Path) -> None:
    first = prepare(tmp_path)
    assert first.returncode == 0, first.stderr
    assert {path.stem for path in site.glob("*.py")} == {*NAMES}
    for name in NAMES:
        (tmp_path / f"{name}-1.0-py3-none-any.whl").unlink()
    second = prepare(tmp_path)
    assert (second.returncode, second.stderr) == (0, "")


@pytest.mark.parametrize("name", in_turns(NAMES[:2], "other"))  # one of each half
def test_a_package_that_is_another_one_is_refused_and_tried_again(site: Path, tmp_path: Path, name: str) -> None:
    right = (tmp_path / f"{name}-1.0-py3-none-any.whl").read_bytes()
    with zipfile.ZipFile(tmp_path / f"{name}-1.0-py3-none-any.whl", "a") as archive:
        archive.writestr("evil.py", "")
    refused = prepare(tmp_path)
    assert refused.returncode == 2
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr
    assert "Not everything could be installed; pip said why above." in refused.stderr
    assert name not in {path.stem for path in site.glob("*.py")}
    (tmp_path / f"{name}-1.0-py3-none-any.whl").write_bytes(right)
    again = prepare(tmp_path)
    assert again.returncode == 0, again.stderr
    assert {path.stem for path in site.glob("*.py")} == {*NAMES}
