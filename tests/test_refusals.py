"""Each code that the source can raise is explained in the help, and nothing else is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from postmaster.errors import FAULTS
from postmaster.pipe_guard import CODE
from postmaster.refusals import REFUSALS, known_code

SOURCE = Path(__file__).parents[1] / "postmaster"

# Where a code stands among the arguments of what makes errors, when it is not named.
POSITIONS = {
    "PostMasterError": 0,
    "ConfigError": 0,
    "NotFoundError": 0,
    "ConflictError": 0,
    "UnexpectedError": 0,
    "TryAgainError": 0,
    "TokenRefusedError": 0,
    "__init__": 0,
    "InputError": 3,
    "refuse": 3,
}


def codes() -> Iterator[str]:
    """The codes in the source; NOUN stands for what is filled in."""
    yield CODE
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                yield from filter(None, map(_text, _code_arguments(node)))
            elif isinstance(node, ast.FunctionDef):
                yield from filter(None, map(_text, _defaults(node)))


def _code_arguments(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments that are codes. A subclass hands its own code up."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    position = POSITIONS.get(name)
    if position is None:
        return
    named = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    yield from named or call.args[position : position + 1]


def _defaults(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """What a parameter called code is if it is left out."""
    given = function.args.args[len(function.args.args) - len(function.args.defaults) :]
    for argument, default in zip(given, function.args.defaults, strict=True):
        if argument.arg == "code":
            yield default


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "NOUN" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_each_code_is_explained() -> None:
    unexplained = {code for code in codes() if code not in FAULTS and code not in REFUSALS and not known_code(code)}
    assert unexplained == set()


def test_nothing_is_explained_that_cannot_happen() -> None:
    raised = {known_code(code) or code for code in codes()}
    assert set(REFUSALS) - raised == set()
