"""What the tests of the main job share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from postmaster import create_app
from postmaster.config import load_environment
from postmaster.pipeline import arrival
from tests.results import runner_of
from tests.support import Desk


@pytest.fixture
def broken_reader() -> Iterator[pytest.MonkeyPatch]:
    """A parser that stumbles over each message, until ``undo`` is called."""
    with pytest.MonkeyPatch.context() as patch:

        def parse(_raw: bytes) -> Any:
            raise ValueError("a flaw in the reader")

        patch.setattr(arrival, "parse_message", parse)
        yield patch


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An app that the tests of a module share: each of its many cases is a message or two of its own."""
    settings = load_environment({"POSTMASTER_DATA_DIR": str(tmp_path_factory.mktemp("shared") / "data")})
    desk = Desk(runner_of(create_app(settings)))
    desk.ok("setting", "set", "TicketsPerSenderHour", "1000000")
    return desk
