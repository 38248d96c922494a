"""What names something that is not there or not valid, so that mail goes elsewhere than somebody meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.desk.models import Queue, SystemAddress
from postmaster.errors import MailError
from postmaster.ledger.models import PipeQueue
from postmaster.operations.incident_condition import IncidentTrouble
from postmaster.pipeline.filters.loading import load_filters
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.naming import filter_flaws, present_choices
from postmaster.resources.models import Validity
from postmaster.system.settings import DEFAULT_QUEUE, get_setting

# How long after the last message a queue that a pipe names is wrong: what was mended there is not told here.
PIPE_PATIENCE = timedelta(days=1)


def misnamed(session: Session, moment: datetime) -> Sequence[IncidentTrouble]:
    """Queues that a pipe named lately and that are not there. A pipe that was mended names another one, or none."""
    valid = exists().where(Queue.name == PipeQueue.queue_name, Queue.validity == Validity.VALID)
    query = select(PipeQueue.queue_name).where(~valid, PipeQueue.last_at > moment - PIPE_PATIENCE)
    return [
        IncidentTrouble(
            name[:100],
            f"The pipe of a mail transfer agent names the queue “{name}”, which is not there, or not valid; its mail "
            "goes to PostmasterDefaultQueue. Correct --queue of flask read there, or add the queue or set it valid.",
            "/queues",
        )
        for name in session.scalars(query.order_by(PipeQueue.queue_name))
    ]


def flawed(session: Session, _moment: datetime) -> Sequence[IncidentTrouble] | None:
    """Filters that were stored and cannot be used, so that mail goes elsewhere than somebody meant."""
    try:
        filters = load_filters(session)
    except MailError:
        return None
    return [
        IncidentTrouble(
            str(each.id),
            f"The filter “{each.name}” cannot be used, and is skipped. It {each.flaw}",
            f"/filters/{each.id}",
        )
        for each in filters
        if each.flaw
    ]


def naming(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    """Accounts, addresses and filters that name what is not valid, so that mail goes elsewhere than somebody meant."""
    return [*_lost_accounts(session), *_lost_addresses(session), *_lost_filters(session), *_lost_default(session)]


def _lost_accounts(session: Session) -> Iterator[IncidentTrouble]:
    query = (
        select(MailAccount)
        .join(Queue, Queue.id == MailAccount.queue_id)
        .where(MailAccount.validity == Validity.VALID, Queue.validity != Validity.VALID)
    )
    for account in session.scalars(query.order_by(MailAccount.id)).unique():
        name = account.queue.name if account.queue else ""
        sentence = (
            f"The account {account.label} dispatches into the queue “{name}”, which is not valid: its mail is "
            "dispatched by address. Choose another queue there, or set that one valid."
        )
        yield IncidentTrouble(f"account {account.id}", sentence, f"/accounts/{account.id}")


def _lost_addresses(session: Session) -> Iterator[IncidentTrouble]:
    query = (
        select(SystemAddress)
        .join(Queue, Queue.id == SystemAddress.queue_id)
        .where(SystemAddress.validity == Validity.VALID, Queue.validity != Validity.VALID)
    )
    for address in session.scalars(query.order_by(SystemAddress.id)):
        sentence = (
            f"The address {address.address} is linked with the queue “{address.queue.name}”, which is not valid: mail "
            "to it goes to PostmasterDefaultQueue. Choose another queue there, or set that one valid."
        )
        yield IncidentTrouble(f"address {address.id}", sentence, f"/addresses/{address.id}")


def _lost_filters(session: Session) -> Iterator[IncidentTrouble]:
    choices = present_choices(session)
    query = select(PostmasterFilter).where(PostmasterFilter.validity == Validity.VALID)
    for each in session.scalars(query.order_by(PostmasterFilter.name)).unique():
        flaws = [f"{control.name} {flaw.flaw}" for control, flaw in filter_flaws(each, choices)]
        if flaws:
            sentence = f"The filter “{each.name}” names what is not valid, which is left out: {'; '.join(flaws)}."
            yield IncidentTrouble(f"filter {each.id}", sentence, f"/filters/{each.id}")


def _lost_default(session: Session) -> Iterator[IncidentTrouble]:
    name = get_setting(session, DEFAULT_QUEUE)
    valid = select(Queue.id).where(Queue.name == name, Queue.validity == Validity.VALID)
    if session.scalar(valid) is None:
        sentence = f"{DEFAULT_QUEUE.name} is “{name}”, which is not a valid queue: the first valid one is used instead."
        yield IncidentTrouble("default", sentence, f"/settings/{DEFAULT_QUEUE.name}")
