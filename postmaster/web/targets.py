"""The targets of alerts that admins add; their list stands on the page of operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.incidents import count_refused
from postmaster.operations.models import AlertTarget
from postmaster.operations.target_service import TARGET_LISTING, TOLD_OF, TargetHealth, TargetService
from postmaster.operations.targets import key_of
from postmaster.web.badges import TARGET_BADGES, Badge
from postmaster.web.context import Context
from postmaster.web.pickers import PickerForm, picker_form
from postmaster.web.resource_pages import resource_blueprint
from postmaster.web.resources import Column, Resource


class TargetForm(PickerForm):
    """The form of a target: conditions are ticked."""

    apart = (TOLD_OF,)
    lead = {TOLD_OF.name: "What it is told of; everything if none is selected."}


def target_form(service: Any, helps: Mapping[str, str], record: Any = None) -> TargetForm:
    """The form for a target, or for a new one."""
    return picker_form(TargetForm, service, helps, record)


@dataclass(frozen=True, kw_only=True)
class TargetCells(Context):
    """What the cells need: what conditions are called, the badges, and how many messages each target refused and is to
    get again, by its key.
    """

    titles: Mapping[str, str]
    looks: Mapping[TargetHealth, Badge]
    refused: Mapping[str, int]
    key_of: Callable[[AlertTarget], str]


def _cells(session: Session, _targets: Sequence[AlertTarget]) -> TargetCells:
    titles = {condition.name: condition.title for condition in CONDITIONS}
    return TargetCells(titles=titles, looks=TARGET_BADGES, refused=count_refused(session), key_of=key_of)


TARGET_PAGES = Resource(
    title="Operation",
    lead="",
    empty="A target is told once about each incident, and once when it is over.",
    service=TargetService,
    listing=TARGET_LISTING,
    within="operation",
    called="alert target",
    keeps="What was not sent to it yet is not sent any more.",
    columns=(
        Column("Name", "name"),
        Column("State"),
        Column("Told of"),
        Column("Quiet hours"),
        Column("Comment"),
    ),
    row_parts=("actions",),
    helps={
        "quiet_hours": "As in 22:00-06:00, by the clock of this server's time zone. What is still wrong afterwards is "
        "sent then; what began and ended meanwhile is not.",
        "validity": "Only valid ones are told anything.",
    },
    wraps={"address": "", "comment": ""},
    cells=_cells,
    make_form=target_form,
    form_template="resources/pickers.html",
)

blueprint = resource_blueprint(TARGET_PAGES, __name__)
