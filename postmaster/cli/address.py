"""``flask address``: the system addresses, which link an address with a queue."""

from __future__ import annotations

from postmaster.cli.resources import ResourceCommands, resource_group
from postmaster.desk.addresses import AddressService

group = resource_group(
    ResourceCommands(
        service=AddressService,
        columns=("id", "address", "name", "queue", "validity", "health", "comment"),
        several="system addresses",
        called="address",
        delete_help="Refused: addresses are never deleted, only set invalid (flask address set --validity invalid).",
    )
)
