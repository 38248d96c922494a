"""``flask filter``: the postmaster filters."""

from __future__ import annotations

from postmaster.cli.resources import ResourceCommands, resource_group
from postmaster.pipeline.filters.service import FilterService

group = resource_group(
    ResourceCommands(
        service=FilterService,
        columns=("id", "name", "stop", "validity", "health", "comment"),
        several="postmaster filters",
    )
)
