"""A client that a generator makes from the description does what it says, without a line written by hand."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask import Flask

from tests.support import Desk

# What the generator does not know, and what it is to take it for.
OTHERS = ("message/rfc822", "application/x-ndjson", "application/mbox", "application/x-tar")
BYTES = dict.fromkeys(OTHERS, "application/octet-stream")

# The package that is made.
PACKAGE = "generated_postmaster_client"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The generated package, which can be imported. The generator refuses what it cannot make all of."""
    from postmaster.api.document import document

    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(document()))
    (folder / "config.yml").write_text(json.dumps({"post_hooks": [], "content_type_overrides": BYTES}))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    options = ["--path", "openapi.json", "--config", "config.yml", "--output-path", PACKAGE]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


class GeneratedClient:
    """The generated client of ``app``, signed in by ``token``."""

    def __init__(self, package: str, app: Flask, token: str) -> None:
        self._package = package
        options = {"transport": httpx.WSGITransport(app=app)}
        self._client = self._module("client").AuthenticatedClient(
            base_url="http://localhost/api/v1", token=token, httpx_args=options
        )

    def call(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """What ``tag.operation`` answers, as the model that was generated for it."""
        return self._module(f"api.{operation}").sync(*arguments, client=self._client, **options)

    def model(self, name: str, /, **values: Any) -> Any:
        """A generated model."""
        return getattr(self._module("models"), name).from_dict(values)

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"{self._package}.{name}")


@pytest.fixture
def generated(package: str, app: Flask, desk: Desk) -> GeneratedClient:
    """The generated client, with a token that may do everything."""
    token = desk.ok("token", "add", "--name", "generated", "--scope", "read", "--scope", "admin").stdout.strip()
    return GeneratedClient(package, app, token)


def test_it_manages_queues(generated: GeneratedClient, desk: Desk) -> None:
    body = generated.model("AddQueueBody", name="Sales", comment="Orders")
    added = generated.call("queues.add_queue", body=body)
    assert (added.name, added.revision) == ("Sales", 1)
    names = {queue.name for queue in generated.call("queues.list_queues", limit=200).items}
    assert names == {row["name"] for row in desk.ok("queue", "list", "--json").json_lines}
    change = generated.model("ChangeQueueBody", comment="Since November")
    assert generated.call("queues.change_queue", added.id, body=change).comment == "Since November"
    generated.call("queues.delete_queue", added.id)
    assert generated.call("queues.get_queue", added.id).code == "unknown-queue"


def test_it_follows_events(generated: GeneratedClient, desk: Desk) -> None:
    desk.ok("read", input=b"From: ada@example.net\nSubject: hello\n\nHello.\n")
    page = generated.call("events.list_events")
    assert [event.type_.value for event in page.items] == ["ticket.created"]
    assert generated.call("events.list_events", after=page.next_).items == []


def test_it_knows_a_problem(generated: GeneratedClient) -> None:
    refused = generated.call("queues.add_queue", body=generated.model("AddQueueBody", name="Junk"))
    assert (refused.status, refused.code, refused.errors[0].field) == (422, "name-taken", "name")
