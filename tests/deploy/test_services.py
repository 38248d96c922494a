"""The units of systemd start what they say, with the settings and the command that are handed out."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from postmaster import create_app
from postmaster.config import load_environment
from tests.guard.sitecustomize import variables
from tests.results import runner_of
from tests.servers.ports import free_ports, wait_until
from tests.servers.postgres import Postgres
from tests.servers.process import shell_environment
from tests.servers.redis import Redis
from tests.servers.worker import Worker
from tests.support import Desk

TOP = Path(__file__).parents[2]
UNITS = TOP / "deploy" / "systemd"


def unit(name: str) -> configparser.SectionProxy:
    """The section [Service] of a unit."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNITS / name)
    return parser["Service"]


@pytest.fixture
def settings(tmp_path: Path, postgres: Postgres, redis: Redis) -> dict[str, str]:
    """``deploy/postmaster.env`` as an admin fills it in for a machine of these paths."""
    text = (TOP / "deploy" / "postmaster.env").read_text()
    values = dict(re.findall(r"^([A-Z_]+)='(.*)'$", text, re.MULTILINE))
    return values | {
        "POSTMASTER_DATA_DIR": str(tmp_path / "data"),
        "POSTMASTER_DATABASE_URL": postgres.copy_database(),  # by the first step of the guide, as make_pattern takes it
        "POSTMASTER_REDIS_URL": redis.url,
        "POSTMASTER_SECRET_KEY": "0123456789abcdef",
        "POSTMASTER_CREDENTIAL_KEYS": Fernet.generate_key().decode(),
        "POSTMASTER_BIND": f"127.0.0.1:{free_ports(1)[0]}",
        "POSTMASTER_WORKERS": "1",
        "WEB_CONCURRENCY": "1",
    }


class Service(Worker):
    """What ExecStart of a unit starts, where the program lies here."""

    def __init__(self, name: str, settings: Mapping[str, str], folder: Path) -> None:
        super().__init__(settings, folder)
        words = shlex.split(unit(name)["ExecStart"])
        program = Path(sys.executable).parent / Path(words[0]).name
        self.command = [str(program), *words[1:]]
        self.output = folder / f"{name}.log"
        self.environ = shell_environment(**settings)


@pytest.fixture
def command(settings: dict[str, str], tmp_path: Path) -> Path:
    """``deploy/postmaster``, the command of admins, with the paths of this machine."""
    env_file = tmp_path / "postmaster.env"
    env_file.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
    script = (TOP / "deploy" / "postmaster").read_text().replace('[ "$(id -un)" != postmaster ]', "false")
    top, python = shlex.quote(str(TOP)), shlex.quote(sys.executable)
    script = script.replace("/etc/postmaster.env", str(env_file)).replace("cd /opt/postmaster", f"cd {top}")
    script = script.replace("exec .venv/bin/flask", f"exec {python} -m flask")
    path = tmp_path / "postmaster"
    path.write_text(script)
    path.chmod(0o755)
    return path


@pytest.fixture
def services(settings: dict[str, str], tmp_path: Path) -> Iterator[list[Service]]:
    """Those of the units that run all the time, not started yet."""
    with ExitStack() as stack:
        running = [Service(f"postmaster-{name}.service", settings, tmp_path) for name in ("web", "worker")]
        for service in running:
            stack.callback(lambda each=service: each.process and each.kill())
        yield running


def ready(settings: Mapping[str, str]) -> dict[str, str]:
    """What /readyz says."""
    try:
        with urllib.request.urlopen(f"http://{settings['POSTMASTER_BIND']}/readyz", timeout=5) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))
    except OSError:
        return {}


Give = Callable[..., str]


@pytest.fixture
def give(command: Path) -> Give:
    """Gives a command, as the guide does; returns what it prints."""

    def run(*words: str, secret: str = "") -> str:
        return subprocess.run(
            [command, *words], input=secret, text=True, check=True, stdout=subprocess.PIPE, env=shell_environment()
        ).stdout

    return run


def test_after_the_steps_of_the_guide_all_is_ready_and_the_services_end_when_asked(
    settings: dict[str, str], give: Give, services: list[Service]
) -> None:
    give("db", "upgrade")
    give("user", "add", "--name", "admin", "--password-stdin", secret="a long password\n")
    for service in services:
        service.start()
    parts = {"database": "ok", "redis": "ok", "worker": "ok", "scheduler": "ok", "turns": "ok", "status": "ok"}
    wait_until(lambda: ready(settings) == parts, "all to be ready", 60)
    assert give("status").startswith("Mail is being fetched.")
    assert [service.stop() for service in services] == [0, 0]


def test_the_timer_looks_whether_mail_flows(settings: dict[str, str], tmp_path: Path) -> None:
    desk = Desk(runner_of(create_app(load_environment(settings))))
    client = ("--tenant", "common", "--client-id", "a-client", "--client-secret-stdin")
    desk.ok("credential", "add", "--kind", "oauth2-microsoft", "--name", "never", *client, input="secret\n")
    desk.add_account(type="Outlook365", address="desk@example.com", credential="never")
    check = Service("postmaster-alerts.service", settings, tmp_path)
    check.start()
    assert str(check.wait()) == unit("postmaster-alerts.service")["SuccessExitStatus"]
    assert "“never” was never authorised" in desk.ok("alert", "list").stdout


# What of the command does not work, and how that looks.
UNREADY = {
    "its user may not become ours": ("if false;", "if true;"),
    "the settings are away": ("postmaster.env", "away.env"),
    "the program is away": ("[ -x .venv/bin/python ]", "false"),
}


@pytest.mark.parametrize(("step", "spoilt"), UNREADY.values(), ids=UNREADY)
def test_an_agent_keeps_mail_that_the_command_cannot_begin_to_take(
    command: Path, tmp_path: Path, step: str, spoilt: str
) -> None:
    assert handed_over(command, tmp_path, step, spoilt) == 75


@pytest.mark.parametrize(
    ("sudo", "told"),
    [("exit 0", 0), ("exit 1", 75), ("exit 2", 2), ("exit 75", 75), ("kill -TERM $PPID; exit 0", 0)],
)
def test_an_agent_is_told_by_sudo_what_became_of_the_mail(command: Path, tmp_path: Path, sudo: str, told: int) -> None:
    assert handed_over(command, tmp_path, "if false;", "if true;", sudo) == told


def test_a_file_env_that_cannot_be_read_keeps_no_mail_from_being_taken(
    command: Path, give: Give, tmp_path: Path
) -> None:
    give("db", "upgrade")
    (tmp_path / ".env").write_bytes(b"\xff")
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    assert handed_over(command, tmp_path, f"cd {shlex.quote(str(TOP))}", f"cd {folder}") == 0


def handed_over(command: Path, folder: Path, step: str, instead: str, does: str = "exit 1") -> int:
    """What the command ends with after a message, with another step in it, and a sudo that does this."""
    script = command.read_text()
    assert step in script
    command.write_text(script.replace(step, instead))
    sudo = folder / "sudo"
    sudo.write_text(f"#!/bin/sh\n{does}\n")
    sudo.chmod(0o755)
    environ = shell_environment(**variables(str(TOP)), PATH=os.pathsep.join([str(folder), os.environ["PATH"]]))
    return subprocess.run([command, "read"], input=b"Subject: x\n\nx\n", env=environ, check=False).returncode


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.glob("*.service")))
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = unit(name)
    assert service["User"] == "postmaster"
    assert service["CapabilityBoundingSet"] == ""
    assert service["UMask"] == "0077"
    for switch in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "RestrictSUIDSGID"):
        assert service[switch] == "yes"
    assert service["ProtectSystem"] == "strict"
