"""The queues: where tickets wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from postmaster.accounts.queue_list import QUEUE_LISTING
from postmaster.desk.models import Queue
from postmaster.desk.queues import QueueService
from postmaster.system.settings import DEFAULT_QUEUE, get_setting
from postmaster.web.bulk_actions import delete_action, validity_actions
from postmaster.web.context import Context
from postmaster.web.resource_pages import resource_blueprint
from postmaster.web.resources import Column, Resource


@dataclass(frozen=True, kw_only=True)
class QueueCells(Context):
    """What the cells need: the queue that takes what nothing sends elsewhere."""

    default_queue: str


def _cells(session: Session, _queues: Sequence[Queue]) -> QueueCells:
    return QueueCells(default_queue=get_setting(session, DEFAULT_QUEUE))


QUEUE_PAGES = Resource(
    title="Queues",
    lead="Where tickets wait. The default queue takes mail that no account and no address sends elsewhere.",
    empty="A ticket needs a queue to wait in.",
    service=QueueService,
    bulk=(*validity_actions(QueueService), delete_action(QueueService)),
    listing=QUEUE_LISTING,
    columns=(
        Column("Name", "name"),
        Column("Follow-up", "follow_up"),
        Column("Used by", "used"),
        Column("Validity", "validity"),
        Column("Comment"),
    ),
    wraps={"name": "most", "follow_up": "third", "validity": "third", "comment": "most"},
    cells=_cells,
)

blueprint = resource_blueprint(QUEUE_PAGES, __name__)
