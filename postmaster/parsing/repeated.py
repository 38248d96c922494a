"""Repetitions in patterns that give nothing back, in whatever a sender makes long."""

from __future__ import annotations


def repeated(pattern: str) -> str:
    """A pattern that finds ``pattern`` as often as it stands there, and is never tried with less.

    A possessive quantifier would be shorter, but until Python 3.11.5 it found something else where ``pattern`` fails in
    its middle (docs/decisions/40-alike-in-each-python.md). An atomic group remembers each round until its end, so it is
    taken in pieces. tests/test_patterns.py holds all patterns to that.
    """
    return rf"(?>(?>(?:{pattern}){{1,1000}})*)"
