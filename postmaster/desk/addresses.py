"""System addresses: find, add, change. They are set invalid, never deleted (docs/glossary.md#queues-and-addresses)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, ClassVar, NoReturn

from sqlalchemy import String, func, select, type_coerce
from sqlalchemy.orm import Session, contains_eager

from postmaster.desk.models import Queue, SystemAddress
from postmaster.desk.queues import Queues
from postmaster.errors import InputError, NotFoundError, PostMasterError
from postmaster.parsing.address_key import address_key
from postmaster.resources.entered import EnteredValues
from postmaster.resources.fields import COMMENT, VALIDITY, Field, Value
from postmaster.resources.listing import Listing
from postmaster.resources.models import Validity
from postmaster.resources.named_service import NamedService
from postmaster.resources.readers import line, mail_address
from postmaster.resources.uses import Use, Users

ADDRESS = Field(
    "address",
    "E-mail Address",
    mandatory=True,
    read=lambda text: address_key(mail_address(text)),
    metavar="ADDRESS",
    help="Address that mail is sent to.",
)
DISPLAY_NAME = Field(
    "name", "Display name", mandatory=True, read=line(200), metavar="NAME", help="Name shown with the address."
)
ADDRESS_QUEUE = Field(
    "queue", "Queue", mandatory=True, column="queue_id", metavar="NAME", help="Where mail to the address goes."
)

ADDRESSES = Listing(
    key=SystemAddress.id,
    query=select(SystemAddress).join(SystemAddress.queue).options(contains_eager(SystemAddress.queue)),
    searched=(
        SystemAddress.address,
        SystemAddress.name,
        SystemAddress.comment,
        Queue.name,
        type_coerce(SystemAddress.validity, String),
    ),
    sorts={
        "address": (func.lower(SystemAddress.address),),
        "name": (func.lower(SystemAddress.name),),
        "queue": (func.lower(Queue.name),),
        "validity": (type_coerce(SystemAddress.validity, String),),
    },
)

# Who names an address beside the desk itself; see ``desk.queues.QUEUE_USERS``.
ADDRESS_USERS: Users = []


class AddressService(NamedService[SystemAddress]):
    """System addresses, which link an address with a queue."""

    noun = "address"
    plural = "addresses"
    fields: ClassVar[tuple[Field, ...]] = (ADDRESS, DISPLAY_NAME, ADDRESS_QUEUE, VALIDITY, COMMENT)
    key: ClassVar[Field] = ADDRESS
    model = SystemAddress

    def __init__(self, session: Session, actor: str) -> None:
        super().__init__(session, actor)
        self.queues = Queues(session)

    def named(self, name: str) -> SystemAddress | None:
        """The one that ``name`` is a spelling of."""
        return super().named(address_key(name))

    def health(self, record: SystemAddress) -> str:
        """Whether the address, and the queue it leads to, are valid."""
        if record.validity is not Validity.VALID:
            return "invalid"
        return "healthy" if self.queues.is_valid(record.queue_id) else "queue-invalid"

    def identity(self, record: SystemAddress) -> Hashable:
        """The address."""
        return record.address

    def value(self, record: SystemAddress, field: Field) -> Value:
        """The field's value; the queue by its name."""
        return self.queues.queue_name(record.queue_id) if field == ADDRESS_QUEUE else super().value(record, field)

    def choices(self, field: Field, record: SystemAddress | None = None) -> Sequence[str] | None:
        """Valid queues; one that was set invalid stays where it is chosen."""
        if field != ADDRESS_QUEUE:
            return super().choices(field, record)
        names = self.queues.valid_names()
        return names if record is None or record.queue.name in names else [record.queue.name, *names]

    def resolve(self, field: Field, value: Any) -> Any:
        """The queue that is named."""
        if field != ADDRESS_QUEUE:
            return value
        try:
            return self.queues.queue_id(value)
        except NotFoundError as error:
            raise InputError(field.label, error.message, error.advice, error.code) from None

    def validate(self, values: EnteredValues[SystemAddress]) -> None:
        """Addresses are unique; a queue that is chosen anew must be valid."""
        super().validate(values)
        queue_id = values.draft.queue_id
        if ADDRESS_QUEUE in values.errors or (values.record is not None and values.record.queue_id == queue_id):
            return
        if not self.queues.is_valid(queue_id):
            flaw = f"is “{self.queues.queue_name(queue_id)}”, which is not valid"
            refusal = ADDRESS_QUEUE.refuse(flaw, "Set the queue valid first, or choose another one.")
            values.errors.add(ADDRESS_QUEUE.name, refusal)

    def users(self, record: SystemAddress) -> Iterator[Use]:
        """The accounts whose mailbox it is, and filters that look for it."""
        for users in ADDRESS_USERS:
            yield from users(self.session, record)

    def check_deletable(self, record: SystemAddress) -> NoReturn:
        """Refused: mail that is still sent to the address could not be explained any more."""
        raise PostMasterError(
            "address-not-deletable",
            f"The address “{record.address}” cannot be deleted: addresses are only set invalid.",
            f"Run: flask address set {record.address} --validity invalid",
        )
