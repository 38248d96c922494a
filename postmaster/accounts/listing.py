"""The mail accounts as a list shows them, each with the queue it dispatches into: found, sorted and cut in SQL."""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, case, func, select, type_coerce
from sqlalchemy.orm import contains_eager

from postmaster.accounts.columns import health_column, label_column
from postmaster.accounts.health import HEALTH_LABELS, WORST_FIRST
from postmaster.accounts.models import AccountState, Credential, Dispatching, MailAccount
from postmaster.accounts.tags import has_tag, known_tags
from postmaster.desk.models import Queue
from postmaster.resources.listing import ListChoice, Listing

_health = health_column()
_label = func.lower(label_column())
_dispatching = case((MailAccount.dispatching == Dispatching.QUEUE, func.lower(Queue.name)), else_="")
_success = (AccountState.last_success_at.is_not(None), AccountState.last_success_at)
_rank = health_column({health: rank for rank, health in enumerate(WORST_FIRST)})
_HEALTHS = {health.value: HEALTH_LABELS[health] for health in WORST_FIRST}


def _health_words() -> ColumnElement[str]:
    """What the list calls each health, so that it can be found by that word."""
    return health_column(HEALTH_LABELS)


ACCOUNTS = Listing(
    key=MailAccount.id,
    query=select(MailAccount, Queue.name.label("queue"))
    .outerjoin(MailAccount.credential)
    .outerjoin(MailAccount.state)
    .outerjoin(Queue, Queue.id == MailAccount.queue_id)
    .options(contains_eager(MailAccount.credential), contains_eager(MailAccount.state)),
    searched=(
        label_column(),
        MailAccount.type,
        Credential.name,
        Credential.username,
        Queue.name,
        MailAccount.tags,
        MailAccount.comment,
        type_coerce(MailAccount.validity, String),
        _health_words(),
    ),
    sorts={
        "health": (_rank, *_success, _label),
        "account": (_label,),
        "queue": (_dispatching,),
        "success": _success,
        "next": (AccountState.next_run_at.is_not(None), AccountState.next_run_at),
        "validity": (type_coerce(MailAccount.validity, String),),
    },
    choices={
        "health": ListChoice("Health", lambda word: _health == word, lambda _session: _HEALTHS),
        "tag": ListChoice("Tag", has_tag, known_tags),
    },
)
