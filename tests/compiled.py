"""What each app compiles when it is first used, once per process instead of once per test: templates, SQL and routes.

Every test has an app of its own, on a database of its own. Their code is the same, and more than half of the time of a
test of a page went into compiling it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule


class TemplatesInMemory(BytecodeCache):
    """Compiled templates by their name and the sum of their source."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the bucket its code, if that is there."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of the bucket."""
        assert bucket.code
        self._codes[bucket.key, bucket.checksum] = bucket.code


def share_statements(patch: pytest.MonkeyPatch) -> None:
    """One cache for all engines; its keys hold the dialect, so those of a kind have to be equal."""
    statements: LRUCache[Any, Any] = LRUCache(10_000)
    shared = property(lambda _engine: statements, lambda _engine, _own: None)
    patch.setattr(Engine, "_compiled_cache", shared, raising=False)
    patch.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
    patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))


def share_routes(patch: pytest.MonkeyPatch) -> None:
    """The functions that build addresses: they get the rule that they are of as an argument."""
    builders: dict[tuple[object, ...], Callable[..., Any]] = {}
    compile_builder = Rule._compile_builder

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    patch.setattr(Rule, "_compile_builder", compile_once)


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Keep what apps compile for the apps after them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": TemplatesInMemory()})
        share_statements(patch)
        share_routes(patch)
        yield
