"""Patterns find the same in each Python: until 3.11.5, and in part until 3.13.1, possessive quantifiers did not.

Where ``(?:…)*+`` tried the group once more and failed in its middle, what followed was looked for there, as if that
much had been found (python/cpython#106052, python/cpython#100061): on Debian 12, whose Python is 3.11.2, encoded words
and names of files were read wrong. With a group that captures in it, it could end with a SystemError
(python/cpython#101955). An atomic group, ``(?>(?:…)*)``, is right in all of them; but it remembers each round until its
end, and that takes 114 bytes each. So it is taken in pieces that are atomic themselves (``parsing/repeated.py``).
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import tracemalloc
from collections.abc import Iterator, Mapping
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import postmaster
from postmaster.otrs import sql
from postmaster.otrs.sql_values import fast_row, layout_of
from postmaster.parsing import header, other_text, params, smime
from postmaster.pipeline import auth_results, marks

# What reads one character.
CHARACTER = {codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN}

# Alembic runs these; they need a database.
BY_ALEMBIC = "postmaster.migrations."


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """The patterns that modules of the product have, with their names; and those that are made for a table."""
    for module in pkgutil.walk_packages(postmaster.__path__, "postmaster."):
        if not module.name.startswith(BY_ALEMBIC):
            for name, value in vars(importlib.import_module(module.name)).items():
                for number, pattern in enumerate(patterns_in(value)):
                    yield f"{module.name}.{name} {number}", pattern
    for dialect in ("mysql", "postgresql"):
        row = fast_row(dialect, layout_of("queue", ["id", "name"], None))
        assert row
        yield f"fast_row {dialect}", row


def patterns_in(value: Any) -> Iterator[re.Pattern[Any]]:
    """Those that a name of a module stands for, also in rows of a table, and in a class."""
    if isinstance(value, re.Pattern):
        yield value
        return
    if isinstance(value, type):
        value = vars(value)
    if isinstance(value, Mapping):
        value = tuple(value.values())
    for inner in value if isinstance(value, (tuple, list, set, frozenset)) else ():
        if not isinstance(inner, type):
            yield from patterns_in(inner)


def unsafe(parsed: Any) -> Iterator[Any]:
    """The possessive quantifiers in ``parsed`` that can fail in the middle of what they repeat, or that capture."""
    for code, argument in parsed:
        if code is codes.POSSESSIVE_REPEAT and not is_safe(argument[2]):
            yield argument[2]
        for inner in parts_of(code, argument):
            yield from unsafe(inner)


def parts_of(code: Any, argument: Any) -> list[Any]:
    """The patterns that one item of a pattern holds."""
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return [argument[2]]
    if code is codes.SUBPATTERN:
        return [argument[3]]
    if code is codes.BRANCH:
        return list(argument[1])
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    if code is codes.GROUPREF_EXISTS:
        return [each for each in argument[1:] if each]
    return [argument] if code is codes.ATOMIC_GROUP else []


def is_safe(repeated: Any, is_last: bool = True) -> bool:
    """Whether it is characters alone, or alternatives of them first; and at its end any number of one kind of them.

    These look ahead in a place of their own, and move on only when all is found. ``is_last``: nothing follows it.
    """
    for number, (code, argument) in enumerate(repeated):
        if code in CHARACTER:
            continue
        at_end = is_last and number == len(repeated) - 1
        if code is codes.SUBPATTERN and argument[0] is None and number == 0 and is_safe(argument[3], at_end):
            continue
        if code is codes.BRANCH and number == 0 and all(is_safe(each, at_end) for each in argument[1]):
            continue
        if code is codes.POSSESSIVE_REPEAT and at_end and argument[0] == 0 and is_character(argument[2]):
            continue
        return False
    return True


def hoarding(parsed: Any, is_atomic: bool = False) -> Iterator[Any]:
    """The repetitions in atomic groups that remember each round, and may have any number of them."""
    for code, argument in parsed:
        if is_atomic and code is codes.MAX_REPEAT and argument[1] == codes.MAXREPEAT and not is_forgotten(argument[2]):
            yield argument[2]
        for inner in parts_of(code, argument):
            yield from hoarding(inner, is_atomic or code is codes.ATOMIC_GROUP)


def is_forgotten(repeated: Any) -> bool:
    """Whether a round of it leaves next to nothing behind."""
    return is_character(repeated) or [code for code, _ in repeated] == [codes.ATOMIC_GROUP]


def is_character(repeated: Any) -> bool:
    return len(repeated) == 1 and repeated[0][0] in CHARACTER


def test_no_quantifier_is_possessive_of_what_can_fail_in_its_middle() -> None:
    found = dict(patterns())
    assert len(found) > 100
    bad = {name: list(unsafe(parser.parse(each.pattern, each.flags))) for name, each in found.items()}
    assert {name: what for name, what in bad.items() if what} == {}


def test_no_atomic_group_remembers_what_a_sender_makes_long() -> None:
    bad = {name: list(hoarding(parser.parse(each.pattern, each.flags))) for name, each in patterns()}
    assert {name: what for name, what in bad.items() if what} == {}


@pytest.mark.parametrize(
    ("pattern", "start", "round_", "end"),
    [
        (header._WORD, "=?utf-8?Q?", "??a", "?="),
        (other_text._PROPERTY, "A", ';"x"', ":"),
        (params._PARAMETER, 'name="', "\\a", '"'),
        (params._PARAMETER, "name=", "a b", ""),
        (params._UNQUOTED_NAME, "", "a; b", ""),
        (smime._ENTITY, b"a: b\n", b" c\n", b"content-type:"),
        (auth_results._BY, "by a", " (b)", " with lmtp"),
        (marks._COMMENTS, "(", "\\a(b)", ")"),
        (marks._COMMENTS, "", "(a) ", ""),
        (sql._DULL["mysql"], "", "'a' ", ""),
    ],
)
def test_a_long_text_takes_no_memory_and_is_found_whole(
    pattern: re.Pattern[Any], start: Any, round_: Any, end: Any
) -> None:
    text = start + round_ * 100_000 + end
    at = 0
    tracemalloc.start()
    while at < len(text) and (found := pattern.match(text, at)):
        at = found.end()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert at == len(text)
    assert peak < 3_000_000  # of 100,000 rounds; what is found of the text itself is one of these


@pytest.mark.parametrize(
    ("pattern", "is_bad"),
    [
        (r"[^?]*+x{2,3}+", False),
        (r"(?:[^'\\]|\\.|'')*+", False),
        (r"(?:''[^']*+)*+", False),
        (r"(?:(?:\\.|'')[^']*+)*+", False),
        (r"(?>(?:ab?c)*)", False),
        (r"(?:ab?c)*+", True),
        (r"(?:(?:a[^bd]*+|c)d)*+x", True),
        (r"(a)?(?(1)(?:ab?c)*+|b)", True),
        (r"(?:a|b(?!c))*+", True),
        (r"(?:a|b(?=c))*+", True),
        (r"(?:\s+\([^()]*\))*+", True),
        (r"(?:'[^']*+')++", True),
        (r"(?:(a)|b)*+", True),
        (r"x(?:y(?:z(?:ab?c)?+)?)", True),
    ],
)
def test_the_rule_knows_them(pattern: str, is_bad: bool) -> None:
    assert bool(list(unsafe(parser.parse(pattern)))) == is_bad
