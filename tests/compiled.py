"""What each app compiles when it is first used, once per process instead of once per test: templates, SQL and routes.

Every test has an app of its own, on a database of its own. Their code is the same, and more than half of the time of a
test of a page went into compiling it.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import ismethod
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from tests.once import once

# What werkzeug keeps of compiling a rule; the two functions that build addresses are methods of that rule.
COMPILED = ("arguments", "_parts", "_trace", "_converters", "_build", "_build_unknown")


class CompiledTemplates(FileSystemBytecodeCache):
    """Compiled templates by their name and the sum of their source: in memory, and for other workers in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the bucket its code, if that is there."""
        key = bucket.key, bucket.checksum
        if key not in self._codes:
            super().load_bytecode(bucket)
            if bucket.code is None:
                return
            self._codes[key] = bucket.code
        bucket.code = self._codes[key]

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of the bucket."""
        assert bucket.code
        self._codes[bucket.key, bucket.checksum] = bucket.code
        super().dump_bytecode(bucket)


def share_statements(patch: pytest.MonkeyPatch) -> None:
    """One cache for all engines; its keys hold the dialect, so those of a kind have to be equal."""
    statements: LRUCache[Any, Any] = LRUCache(10_000)
    shared = property(lambda _engine: statements, lambda _engine, _own: None)
    patch.setattr(Engine, "_compiled_cache", shared, raising=False)
    patch.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
    patch.setattr(DefaultDialect, "__hash__", lambda dialect: hash(type(dialect)))


def share_routes(patch: pytest.MonkeyPatch) -> None:
    """What a rule is compiled to, which hangs on what it was given and on the kinds of values there are."""
    made: dict[tuple[object, ...], dict[str, Any]] = {}
    compile_rule = Rule.compile

    def compile_once(rule: Rule) -> None:
        given = (rule.rule, rule.host, rule.subdomain, rule.merge_slashes, repr(rule.defaults))
        key = (*given, rule.map.host_matching, *rule.map.converters.values())
        if key not in made:
            compile_rule(rule)
            made[key] = {name: getattr(rule, name) for name in COMPILED}
        for name, value in made[key].items():
            setattr(rule, name, value.__func__.__get__(rule) if ismethod(value) else value)

    patch.setattr(Rule, "compile", compile_once)


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what apps compile for the apps after them."""
    templates = once(tmp_path_factory, "templates", lambda _: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": CompiledTemplates(templates)})
        share_statements(patch)
        share_routes(patch)
        yield
