"""The queues: where tickets wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from postmaster.accounts.queue_list import QUEUE_LISTING
from postmaster.desk.queues import QueueService
from postmaster.system.settings import DEFAULT_QUEUE, get_setting
from postmaster.web.resources import Column, Resource, resource_blueprint


def _context(session: Session) -> Mapping[str, Any]:
    return {"default_queue": get_setting(session, DEFAULT_QUEUE)}


blueprint = resource_blueprint(
    Resource(
        title="Queues",
        lead="Where tickets wait. The default queue takes mail that no account and no address sends elsewhere.",
        empty="A ticket needs a queue to wait in.",
        service=QueueService,
        listing=QUEUE_LISTING,
        columns=(
            Column("Name", "name"),
            Column("Follow-up", "follow_up"),
            Column("Used by", "used"),
            Column("Validity", "validity"),
            Column("Comment"),
        ),
        wraps={"name": "most", "follow_up": "third", "validity": "third", "comment": "most"},
        context=_context,
    ),
    __name__,
)
