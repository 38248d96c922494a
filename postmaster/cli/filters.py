"""``flask filter``: the postmaster filters."""

from __future__ import annotations

from postmaster.cli.resources import Resource, resource_group
from postmaster.pipeline.filters.service import FilterService

group = resource_group(
    Resource(
        noun="filter",
        plural="postmaster filters",
        fields=FilterService.fields,
        service=FilterService,
        columns=("id", "name", "stop", "validity", "health", "comment"),
    )
)
