"""The queues as a list shows them, each with how many accounts and system addresses name it."""

from __future__ import annotations

from sqlalchemy import String, func, select, type_coerce

from postmaster.accounts.models import MailAccount
from postmaster.desk.models import Queue, SystemAddress
from postmaster.resources.listing import Listing

_accounts = select(func.count(MailAccount.id)).where(MailAccount.queue_id == Queue.id).scalar_subquery()
_addresses = select(func.count(SystemAddress.id)).where(SystemAddress.queue_id == Queue.id).scalar_subquery()
QUEUE_LISTING = Listing(
    key=Queue.id,
    query=select(Queue, _accounts.label("accounts"), _addresses.label("addresses")),
    searched=(
        Queue.name,
        Queue.comment,
        type_coerce(Queue.followup_policy, String),
        type_coerce(Queue.validity, String),
    ),
    sorts={
        "name": (func.lower(Queue.name),),
        "follow_up": (type_coerce(Queue.followup_policy, String),),
        "used": (_accounts + _addresses,),
        "validity": (type_coerce(Queue.validity, String),),
    },
)
