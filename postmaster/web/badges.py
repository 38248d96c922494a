"""Badges: how something stands, as a word with its picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from postmaster.pipeline.decision import RECORDED, Outcome


@dataclass(frozen=True)
class Badge:
    """``state`` and ``icon`` are those of the style sheet and the sprite; ``advice`` says what to do about it."""

    text: str
    state: str
    icon: str
    advice: str = ""


OUTCOME_BADGES: Mapping[Outcome, Badge] = {row.outcome: Badge(row.label, row.state, row.icon) for row in RECORDED}
