"""``flask queue``: where tickets wait."""

from __future__ import annotations

from postmaster.cli.resources import ResourceCommands, resource_group
from postmaster.desk.queues import QueueService

group = resource_group(
    ResourceCommands(
        service=QueueService,
        columns=("id", "name", "follow_up", "validity", "comment"),
    )
)
