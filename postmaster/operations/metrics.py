"""The metrics, read from the database at each scrape, so that all processes that are asked say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.accounts.columns import health_column, label_column
from postmaster.accounts.models import AccountState, MailAccount
from postmaster.accounts.sealing import finding_unopened_once
from postmaster.accounts.wait import last_sign
from postmaster.extensions import now
from postmaster.ledger.hourly_counts import mail_totals
from postmaster.ledger.models import Quarantine
from postmaster.operations.conditions import CONDITIONS
from postmaster.operations.incidents import open_incidents
from postmaster.operations.progress import Activity, progress
from postmaster.operations.state import fetching_state
from postmaster.outbox.reading import newest_id
from postmaster.outlets.service import valid_outlets
from postmaster.outlets.standing import standings
from postmaster.pipeline.outcome import RECORDED
from postmaster.resources.models import Validity

# What is told of each valid account. To read the accounts whole takes twice as long where there are ten thousand.
_ACCOUNTS = (
    select(
        MailAccount.id,
        label_column(),
        health_column(),
        AccountState.paused_at,
        func.coalesce(AccountState.backlog, 0),
        func.coalesce(AccountState.failures, 0),
        AccountState.last_run_seconds,
        MailAccount.created_at,
        AccountState.last_success_at,
        AccountState.resumed_at,
    )
    .outerjoin(MailAccount.credential)
    .outerjoin(MailAccount.state)
    .where(MailAccount.validity == Validity.VALID)
    .order_by(MailAccount.id)
)


class _Collector(Collector):
    """Reads ``session`` when it is asked."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def collect(self) -> Iterable[Metric]:
        """All metrics."""
        with finding_unopened_once(self.session):
            yield self._messages()
            yield from self._accounts()
            yield from self._operation()
            yield from self._outlets()
            yield self._incidents()

    def _messages(self) -> Metric:
        family = CounterMetricFamily("postmaster_messages", "Messages recorded, by outcome.", labels=["outcome"])
        totals = mail_totals(self.session)
        for row in RECORDED:
            family.add_metric([row.outcome.value], totals[row.counter])
        return family

    def _accounts(self) -> Iterator[Metric]:
        age = _gauge(
            "last_success_age_seconds", "Time since the last successful run, or since it was added or resumed."
        )
        backlog = _gauge("backlog_messages", "Messages that the last run that saw the mailbox left there.")
        failures = _gauge("failures", "Failed runs in a row.")
        seconds = _gauge("last_run_seconds", "How long the last run took.")
        health = _gauge("health", "1 for the account's present health.", "health")
        moment = now()
        for number, label, word, paused_at, left, failed, took, *times in self.session.execute(_ACCOUNTS):
            labels = [label, str(number)]
            if paused_at is None:
                age.add_metric(labels, (moment - last_sign(*times)).total_seconds())
            backlog.add_metric(labels, left)
            failures.add_metric(labels, failed)
            health.add_metric([*labels, word], 1)
            if took is not None:
                seconds.add_metric(labels, took)
        yield from (age, backlog, failures, seconds, health)

    def _operation(self) -> Iterator[Metric]:
        state, going_on = fetching_state(self.session), progress(self.session).values()
        quarantined = self.session.scalar(select(func.count()).select_from(Quarantine)) or 0
        for name, text, value in (
            ("workers", "Worker processes that are alive.", state.workers),
            ("schedulers", "Schedulers that are alive.", state.schedulers),
            ("fetching_paused", "1 while all fetching is paused.", int(state.pause is not None)),
            ("queue_depth", "Accounts that wait for a worker.", sum(it.activity is Activity.QUEUED for it in going_on)),
            ("running", "Accounts that are being fetched.", sum(it.activity is Activity.RUNNING for it in going_on)),
            ("late", "Accounts that wait for a worker longer than two of their intervals.", state.late),
            ("quarantine_messages", "Messages that could not become tickets.", quarantined),
            (
                "newest_event",
                "Sequence of the newest event: the time in microseconds, when it was written.",
                newest_id(self.session),
            ),
        ):
            yield GaugeMetricFamily(f"postmaster_{name}", text, value=value)

    def _outlets(self) -> Iterator[Metric]:
        backlog = _outlet_gauge("backlog_events", "Events that are not handed over yet.")
        age = _outlet_gauge("oldest_event_age_seconds", "How long the oldest of them has been waiting.")
        failures = _outlet_gauge("failures", "Deliveries that failed since one went well.")
        health = _outlet_gauge("health", "1 for how the outlet stands.", "health")
        for standing in standings(self.session, valid_outlets(self.session)).values():
            labels = [standing.outlet.name, str(standing.outlet.id)]
            backlog.add_metric(labels, standing.backlog)
            age.add_metric(labels, standing.age)
            failures.add_metric(labels, standing.outlet.state.failures)
            health.add_metric([*labels, standing.health.value], 1)
        yield from (backlog, age, failures, health)

    def _incidents(self) -> Metric:
        family = GaugeMetricFamily("postmaster_incidents", "What is wrong, by condition.", labels=["condition"])
        conditions = [incident.condition for incident in self.session.scalars(open_incidents())]
        for condition in CONDITIONS:
            family.add_metric([condition.name], conditions.count(condition.name))
        return family


def _outlet_gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"postmaster_outlet_{name}", text, labels=["outlet", "id", *labels])


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"postmaster_account_{name}", text, labels=["account", "id", *labels])


def render_metrics(session: Session) -> bytes:
    """All metrics in the text format of Prometheus; the number of queries is the same for any number of accounts."""
    registry = CollectorRegistry()
    registry.register(_Collector(session))
    return generate_latest(registry)
