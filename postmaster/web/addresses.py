"""The system addresses: which queue takes the mail that is sent to an address."""

from __future__ import annotations

from postmaster.desk.addresses import ADDRESSES, AddressService
from postmaster.web.bulk_actions import validity_actions
from postmaster.web.resource_pages import resource_blueprint
from postmaster.web.resources import Column, Resource

ADDRESS_PAGES = Resource(
    title="Email Addresses",
    lead="Mail to one of these addresses goes to the queue it is linked with, in accounts that dispatch by the "
    "To: field. Addresses are never deleted, only set invalid.",
    empty="Without one, mail of accounts that dispatch by the To: field goes to the default queue.",
    service=AddressService,
    bulk=validity_actions(AddressService),
    listing=ADDRESSES,
    columns=(
        Column("E-mail Address", "address"),
        Column("Display name", "name"),
        Column("Queue", "queue"),
        Column("Validity", "validity"),
        Column("Comment"),
    ),
    deletable=False,
    wraps={"queue": "most", "validity": "third", "comment": ""},
)

blueprint = resource_blueprint(ADDRESS_PAGES, __name__)
