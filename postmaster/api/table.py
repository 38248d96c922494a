"""All operations of the API. Routes, the description in OpenAPI and the tests are made from these rows."""

from __future__ import annotations

from postmaster.accounts.credentials import CREDENTIALS, CredentialService
from postmaster.accounts.kinds import KIND
from postmaster.accounts.queue_list import QUEUE_LISTING
from postmaster.api import accounts, articles, events, mail, outlets, quarantine, runs, settings, status, tickets, why
from postmaster.api.operation import Operation
from postmaster.api.resources import ApiResource, resource_operations
from postmaster.api.schemas import COUNT, FLAG, MOMENT, TEXT, or_null
from postmaster.desk.addresses import ADDRESSES, AddressService
from postmaster.desk.models import Queue, SystemAddress
from postmaster.desk.queues import QueueService
from postmaster.pipeline.filters.service import FILTER_LISTING, FilterService

QUEUES = ApiResource(
    QueueService,
    QUEUE_LISTING,
    example={"name": "Sales::Orders", "comment": "Orders of the shop"},
    shown={
        "label": "Sales::Orders",
        "follow_up": "possible",
        "customer_of_forward": "forwarder",
        "validity": "valid",
    },
    queue=Queue.id,
    errors=("name-taken", "default-queue"),
)
ADDRESSES_OF_THE_DESK = ApiResource(
    AddressService,
    ADDRESSES,
    example={"address": "orders@example.com", "name": "Orders", "queue": "Sales::Orders"},
    shown={"label": "orders@example.com", "validity": "valid", "comment": ""},
    queue=SystemAddress.queue_id,
    errors=("name-taken",),
    deletable=False,
)
CREDENTIALS_OF_ACCOUNTS = ApiResource(
    CredentialService,
    CREDENTIALS,
    example={"kind": "basic", "name": "Shop", "username": "orders", "password": "correct horse battery"},
    shown={"label": "Shop", "validity": "valid", "comment": ""},
    kinds=KIND,
    errors=("name-taken", "field-not-in-kind", "hosts-widened"),
)
FILTERS = ApiResource(
    FilterService,
    FILTER_LISTING,
    example={"name": "10 spam", "stop": True, "match": ["Subject=viagra"], "set": ["X-OTRS-Queue=Junk"]},
    shown={
        "label": "10 spam",
        "not_match": [],
        "account": [],
        "validity": "valid",
        "comment": "",
        "flaws": [],
        "to_review": False,
        "slow_count": 0,
        "last_slow": None,
    },
    details={
        "flaws": {"type": "array", "items": TEXT},
        "to_review": FLAG,
        "slow_count": COUNT,
        "last_slow": or_null(MOMENT),
    },
    errors=("name-taken", "no-condition"),
)

RESOURCES = (QUEUES, ADDRESSES_OF_THE_DESK, CREDENTIALS_OF_ACCOUNTS, FILTERS, outlets.OUTLETS)

OPERATIONS: tuple[Operation, ...] = (
    *status.OPERATIONS,
    *accounts.OPERATIONS,
    *(operation for resource in RESOURCES for operation in resource_operations(resource)),
    *outlets.OPERATIONS,
    *tickets.OPERATIONS,
    *articles.OPERATIONS,
    *mail.OPERATIONS,
    *why.OPERATIONS,
    *quarantine.OPERATIONS,
    *settings.OPERATIONS,
    *runs.OPERATIONS,
    *events.OPERATIONS,
)
