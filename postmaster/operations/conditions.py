"""What raises an alert, as data: each condition finds what is wrong now. A new one is a row in ``CONDITIONS``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from postmaster.accounts.columns import NOT_PAUSED
from postmaster.accounts.credential_health import (
    CredentialHealth,
    credential_health,
    credential_health_column,
    need_of,
)
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.clock import TOLERANCE
from postmaster.ledger.models import Quarantine
from postmaster.operations.account_troubles import fatal, growing, late, silent, withheld
from postmaster.operations.customers import directory_problem
from postmaster.operations.heartbeat import alive
from postmaster.operations.incident_condition import Find, IncidentCondition, IncidentTrouble
from postmaster.operations.models import ProcessRole
from postmaster.operations.naming_troubles import flawed, misnamed, naming
from postmaster.operations.state import START
from postmaster.outlets.service import valid_outlets
from postmaster.outlets.troubles import Trouble, halted_outlets, late_outlets
from postmaster.quantity import quantity
from postmaster.resources.models import Validity
from postmaster.system.settings import CUSTOMER_FILE

# How a credential may stand that somebody has to look after, although its accounts may still be fetched.
OUTDATED = (
    CredentialHealth.NEEDS_KEY,
    CredentialHealth.NEEDS_UPDATE,
    CredentialHealth.NEEDS_AUTHORISATION,
    CredentialHealth.SECRET_EXPIRED,
    CredentialHealth.SECRET_EXPIRES_SOON,
)


def _outdated(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    users = exists().where(MailAccount.credential_id == Credential.id, MailAccount.validity == Validity.VALID)
    query = select(Credential).where(users, credential_health_column().in_(OUTDATED)).order_by(Credential.id)
    return [
        IncidentTrouble(
            str(credential.id), str(need_of(credential)), f"/credentials/{credential.id}", _urgency(credential)
        )
        for credential in session.scalars(query).unique()
    ]


def _urgency(credential: Credential) -> int:
    """One whose secret expires soon can still be used; what comes after that is worse."""
    return 1 if credential_health(credential) is CredentialHealth.SECRET_EXPIRES_SOON else 2


def _quarantined(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    count = session.scalar(select(func.count()).select_from(Quarantine)) or 0
    sentence = f"In quarantine: {quantity(count, 'message')} that could not become tickets."
    return [IncidentTrouble("", sentence, "/quarantine", count)] if count else []


def _unread_customers(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    problem = directory_problem(session)
    return [IncidentTrouble("", problem, f"/settings/{CUSTOMER_FILE.name}")] if problem else []


def _missing(role: ProcessRole) -> Find:
    sentence = f"No {role.value} runs, or none has Redis. {START}"

    def find(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
        works = any(process.role is role and not process.trouble for process in alive(session))
        valid = select(MailAccount.id).outerjoin(AccountState).where(MailAccount.validity == Validity.VALID, NOT_PAUSED)
        needed = session.scalar(valid.limit(1))
        return [] if works or needed is None else [IncidentTrouble("", sentence, "/status")]

    return find


def _wrong_clocks(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    wrong = {row.host: row.seconds_ahead for row in alive(session) if abs(row.seconds_ahead) > TOLERANCE}
    return [_wrong_clock(host, seconds) for host, seconds in wrong.items()]


def _wrong_clock(host: str, seconds: float) -> IncidentTrouble:
    way = "ahead of" if seconds > 0 else "behind"
    sentence = (
        f"The clock of {host} is {abs(seconds):.0f} s {way} the database's, by which mail is fetched; certificates and "
        "tokens may be refused there. Have both machines take the time by NTP: timedatectl set-ntp true"
    )
    return IncidentTrouble(host[:100], sentence, "/status", int(abs(seconds)))


def _of_outlets(find: Callable[[Session, datetime], Iterable[Trouble]]) -> Find:
    def found(session: Session, moment: datetime) -> Sequence[IncidentTrouble]:
        return [
            IncidentTrouble(str(outlet.id), sentence, f"/outlets/{outlet.id}/status")
            for outlet, sentence in find(session, moment)
        ]

    return found


def _nobody_hands_over(session: Session, _moment: datetime) -> Sequence[IncidentTrouble]:
    if not valid_outlets(session) or any(process.role is ProcessRole.OUTLETS for process in alive(session)):
        return []
    return [IncidentTrouble("", f"No process hands events over to outlets. {START}", "/outlets")]


# A restart of the worker is no incident.
RESTART = timedelta(minutes=2)

CONDITIONS: Sequence[IncidentCondition] = (
    IncidentCondition("silence", "No mail fetched", silent),
    IncidentCondition("backlog", "Backlog grows", growing, leeway=2),
    IncidentCondition("credential", "Credential needs an update", _outdated),
    IncidentCondition("quarantine", "Mail in quarantine", _quarantined),
    IncidentCondition("withheld", "Mail the server does not hand over", withheld),
    IncidentCondition("fatal", "Mail that ends the run", fatal),
    IncidentCondition("pipe", "A pipe names a queue that is not there", misnamed),
    IncidentCondition("filter", "A filter cannot be used", flawed),
    IncidentCondition("naming", "Something names what is not valid", naming),
    IncidentCondition("customers", "Customer directory is not read", _unread_customers),
    IncidentCondition("worker", "Fetching has stopped", _missing(ProcessRole.WORKER), RESTART),
    IncidentCondition("scheduler", "No schedule", _missing(ProcessRole.SCHEDULER), RESTART),
    IncidentCondition("late", "Accounts wait for a worker", late, leeway=2),
    IncidentCondition("outlet", "An outlet hands nothing over", _of_outlets(halted_outlets)),
    IncidentCondition("undelivered", "Events wait to be handed over", _of_outlets(late_outlets)),
    IncidentCondition("outlets", "Events are not handed over", _nobody_hands_over, RESTART),
    IncidentCondition("clock", "Clock is wrong", _wrong_clocks, leeway=2),
)
