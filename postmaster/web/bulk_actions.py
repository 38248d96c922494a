"""What is done with the records that are selected in a list, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from postmaster.quantity import quantity
from postmaster.resources.bulk import AnyService, BulkResult, change_each
from postmaster.resources.fields import VALIDITY, Field
from postmaster.resources.models import Validity
from postmaster.resources.uses import enumeration

# What is done to one record, with what was entered.
ActWith = Callable[[AnyService, Any, Mapping[str, str]], bool]

# Does it to the records with these ids, with what was entered in the action's fields, for an actor.
Run = Callable[[Sequence[int], Mapping[str, str], str], "Told"]


@dataclass(frozen=True)
class Told:
    """What to tell whoever pressed: what was done, what was not, and the batch that takes it back, if that can be."""

    done: str
    refused: str = ""
    batch: str = ""
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class BulkAction:
    """Something that is done with selected records. ``label`` is on its button, ``icon`` beside it.

    It asks for its ``fields`` first, all of which are wanted; with ``asks`` also without any. ``lasts`` is what is said
    then: that it cannot be undone, or what stays.
    """

    name: str
    label: str
    icon: str
    run: Run
    fields: tuple[Field, ...] = ()
    asks: bool = False
    lasts: str = ""

    @property
    def asks_first(self) -> bool:
        """Whether another page comes before anything is done."""
        return self.asks or bool(self.fields)


def each(service: type[AnyService], done: str, act: ActWith, *, final: bool = False) -> Run:
    """Does ``act`` to each record, all by one press; ``done`` is the word for it. What is ``final`` has no Undo."""

    def run(ids: Sequence[int], texts: Mapping[str, str], actor: str) -> Told:
        result = change_each(
            lambda session: service(session, actor), ids, lambda serving, record: act(serving, record, texts)
        )
        return told(service, done, result, final=final)

    return run


def told(service: type[AnyService], done: str, result: BulkResult, *, final: bool = False) -> Told:
    """``result`` in sentences."""
    sentences = [f"{done}: {_counted(service, result.done)}."] if result.done else []
    if result.unchanged:
        sentences.append(f"Unchanged: {_counted(service, result.unchanged)}.")
    refused = f"Not done: {enumeration(result.refusals)}" if result.refusals else ""
    return Told(" ".join(sentences), refused, "" if final or not result.done else result.batch, result.warnings)


def _counted(service: type[AnyService], count: int) -> str:
    return quantity(count, service.noun, service.plural)


def entering(**entered: str) -> ActWith:
    """An act that enters these values."""
    return lambda service, record, _texts: bool(service.change(record, entered))


def deleting(service: AnyService, record: Any, _texts: Mapping[str, str]) -> bool:
    """An act that deletes."""
    service.delete(record)
    return True


def delete_action(service: type[AnyService], keeps: str = "") -> BulkAction:
    """Deletes what is selected, unless something uses it."""
    lasts = f"This cannot be undone. {keeps}".strip()
    run = each(service, "Deleted", deleting, final=True)
    return BulkAction("delete", "Delete…", "trash-2", run, asks=True, lasts=lasts)


def validity_actions(service: type[AnyService]) -> tuple[BulkAction, ...]:
    """Set what is selected valid or invalid."""
    act = partial(each, service)
    return (
        BulkAction("valid", "Set valid", "circle-check", act("Valid", entering(**{VALIDITY.name: Validity.VALID}))),
        BulkAction(
            "invalid", "Set invalid", "circle-pause", act("Invalid", entering(**{VALIDITY.name: Validity.INVALID}))
        ),
    )
