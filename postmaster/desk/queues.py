"""The queues: find, add, change, delete; sub-queues follow their parent's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.desk.models import FollowUpPolicy, ForwardCustomer, Queue, SystemAddress, Ticket
from postmaster.errors import InputError
from postmaster.resources.entered import EnteredValues
from postmaster.resources.fields import COMMENT, VALIDITY, Field
from postmaster.resources.models import Validity
from postmaster.resources.named_service import NamedService
from postmaster.resources.readers import InvalidValue, member, name, whole_number
from postmaster.resources.service import Stored
from postmaster.resources.uses import Use, Users
from postmaster.system.setting import Setting
from postmaster.system.setting_table import QUEUE_SETTINGS, set_setting
from postmaster.system.settings import DEFAULT_QUEUE, get_setting

QUEUE_SEPARATOR = "::"


def _queue_name(text: str) -> str:
    """A name whose parts, divided by ``::``, have something in them."""
    for part in text.split(QUEUE_SEPARATOR):
        if not part or part != part.strip() or ":" in (part[0], part[-1]):
            raise InvalidValue(
                f"is “{text}”, which has an empty part", "Nest queues as in Sales::Orders, without spaces."
            )
    return name(text)


NAME = Field(
    "name", "Name", mandatory=True, read=_queue_name, metavar="NAME", help="Nested with ::, as in Sales::Orders."
)
FOLLOW_UP = Field(
    "follow_up",
    "Follow-up",
    mandatory=True,
    read=member(FollowUpPolicy),
    default=FollowUpPolicy.POSSIBLE.value,
    column="followup_policy",
    metavar="|".join(FollowUpPolicy),
    help="What happens to a follow-up to a closed ticket.",
)
FORWARD_CUSTOMER = Field(
    "customer_of_forward",
    "Customer of forwarded mail",
    mandatory=True,
    read=member(ForwardCustomer),
    default=ForwardCustomer.FORWARDER.value,
    metavar="|".join(ForwardCustomer),
    help="Who is the customer of a message that an agent has forwarded to the queue, attached or quoted.",
)

NUMBER = Field(
    "number",
    "Queue ID",
    read=whole_number(1, 10**11),
    metavar="ID",
    help="What X-OTRS-QueueID calls the queue, if that is another number than it has here: the ID that it had in OTRS, "
    "Znuny or OTOBO.",
)

# Who names a queue beside the desk itself, in words. The rooms above add theirs, since imports go down only.
QUEUE_USERS: Users = []


class QueueService(NamedService[Queue]):
    """Queues. The default queue stays valid; if it is renamed, the setting follows, and says so in ``notes``."""

    noun = "queue"
    plural = "queues"
    fields: ClassVar[tuple[Field, ...]] = (NAME, FOLLOW_UP, FORWARD_CUSTOMER, NUMBER, VALIDITY, COMMENT)
    key: ClassVar[Field] = NAME
    model = Queue

    def health(self, record: Queue) -> str:
        """Whether it is valid."""
        return "healthy" if record.validity is Validity.VALID else "invalid"

    def users(self, record: Queue) -> Iterator[Use]:
        """Accounts, filters, pipes, system addresses, tickets, and the setting of the default queue."""
        for users in QUEUE_USERS:
            yield from users(self.session, record)
        for address in self.session.scalars(select(SystemAddress).where(SystemAddress.queue_id == record.id)):
            valid = address.validity is Validity.VALID
            yield Use("address", f"address {address.address}", address.id, keeps=not valid)
        tickets = self.session.scalar(select(func.count()).where(Ticket.queue_id == record.id))
        if tickets:
            yield Use("ticket", f"{tickets} ticket{'s' if tickets > 1 else ''}", keeps=True)
        for spec in self._naming(record.name):
            yield Use("setting", f"setting {spec.name}", spec.name)

    def users_by_name(self, record: Queue) -> Iterator[Use]:
        """Also what names its sub-queues, which follow its name."""
        yield from self.users(record)
        for child, _ in self._below(record.name):
            yield from self.users(child)

    def _naming(self, queue_name: str) -> list[Setting[str]]:
        """The settings that name the queue."""
        return [spec for spec in QUEUE_SETTINGS if get_setting(self.session, spec) == queue_name]

    def _is_default(self, queue_name: str) -> bool:
        return queue_name == get_setting(self.session, DEFAULT_QUEUE)

    def validate(self, values: EnteredValues[Queue]) -> None:
        """Names and numbers are unique, and the default queue is valid."""
        super().validate(values)
        record, number = values.record, values.draft.number
        other = self.session.scalar(select(Queue).where(Queue.number == number)) if number else None
        if other is not None and other is not record:
            flaw = f"is {number}, which is already that of the queue “{other.name}”"
            values.errors.add(NUMBER.name, NUMBER.refuse(flaw, "Choose another one.", code="name-taken"))
        if record is not None and values.draft.validity is not Validity.VALID and self._is_default(record.name):
            flaw = f"of “{record.name}” must stay valid, because it is the default queue"
            advice = f"Name another one in the setting {DEFAULT_QUEUE.name} first."
            values.errors.add(VALIDITY.name, VALIDITY.refuse(flaw, advice, code="default-queue"))

    def store(self, values: EnteredValues[Queue]) -> Stored[Queue]:
        """Rename sub-queues, and settings that name the queue, along with it."""
        old = values.record.name if values.record else None
        stored = super().store(values)
        if old is not None and old != stored.record.name:
            self._rename_below(old, stored.record)
        return stored

    def _rename_below(self, old: str, record: Queue) -> None:
        for spec in self._naming(old):
            set_setting(self.session, spec.name, record.name, self.actor)
            what = "The default queue" if spec is DEFAULT_QUEUE else "A queue that a setting names"
            self.notes[f"queue-of-{spec.name}"] = f"{what} has another name now; {spec.name} is “{record.name}”."
        for child, child_name in self._below(old):
            if child is not record and child.name == child_name:  # not renamed yet with a parent of its own
                self.change(child, {NAME.name: record.name + child_name.removeprefix(old)})

    def _below(self, parent: str) -> list[tuple[Queue, str]]:
        prefix = f"{parent}{QUEUE_SEPARATOR}"
        query = select(Queue).where(Queue.name.startswith(prefix, autoescape=True)).order_by(Queue.name)
        # SQLite's LIKE ignores case.
        return [(queue, queue.name) for queue in self.session.scalars(query) if queue.name.startswith(prefix)]


class Queues:
    """What other services have to know of queues."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._service = QueueService(session, actor="")
        self._names: dict[int, str] = {}

    def names(self) -> list[str]:
        """The names of all queues, in the order in which people look for them."""
        return sorted(self._session.scalars(select(Queue.name)), key=str.casefold)

    def valid_names(self) -> list[str]:
        """The names of the queues that may be chosen, in the order in which people look for them."""
        query = select(Queue.name).where(Queue.validity == Validity.VALID)
        return sorted(self._session.scalars(query), key=str.casefold)

    def find_valid(self, name: str) -> Queue:
        """The queue of that name. Raises NotFoundError, or InputError if it is not valid."""
        found = self._service.find(name)
        if found.validity is not Validity.VALID:
            message = f"The queue “{found.name}” is {found.validity.value}, so nothing was moved there."
            raise InputError("Queue", message, "Choose another one, or set it valid first.", code="queue-invalid")
        return found

    def queue_id(self, name: str) -> int:
        """The id of the queue of that name or id. Raises NotFoundError."""
        return self._service.find(name).id

    def queue_name(self, queue_id: int) -> str:
        """The name of the queue with that id; asked for once, since lists ask for each of their lines."""
        if queue_id not in self._names:
            self._names[queue_id] = self._session.get_one(Queue, queue_id).name
        return self._names[queue_id]

    def is_valid(self, queue_id: int) -> bool:
        """Whether the queue with that id may be used."""
        return self._session.get_one(Queue, queue_id).validity is Validity.VALID
