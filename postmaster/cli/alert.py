"""``flask alert``: what is wrong, and whether alerts reach anybody."""

from __future__ import annotations

import sys

import click

from postmaster.cli.base import Group, actor, print_json
from postmaster.cli.resources import as_json
from postmaster.cli.tables import print_table
from postmaster.database import read_session
from postmaster.errors import ConfigError
from postmaster.extensions import Json
from postmaster.operations.alerting import check_now
from postmaster.operations.incidents import open_incidents, recent_incidents
from postmaster.operations.models import AlertDelivery, Incident
from postmaster.operations.state import fetching_state
from postmaster.operations.targets import alert_targets
from postmaster.operations.verdict import judge

group = Group("alert", help="Show incidents, and test where alerts are sent.")

MAX_SHOWN = 50


@group.command("list")
@click.option("--all", "all_", is_flag=True, help=f"Show the last {MAX_SHOWN}, including those that are over.")
@as_json
def list_(all_: bool, json_: bool) -> None:
    """List what is wrong; with --json one object per line."""
    with read_session() as session:
        query = recent_incidents().limit(MAX_SHOWN) if all_ else open_incidents()
        rows = [_row(incident) for incident in session.scalars(query)]
    if json_:
        for row in rows:
            print_json(row)
    elif rows:
        shown = [
            (*(row[name] for name in ("id", "condition", "since", "over", "sentence")), _told(row)) for row in rows
        ]
        print_table(("Id", "Condition", "Since", "Over", "What", "Sent"), shown)
    else:
        click.echo(_nothing())


def _nothing() -> str:
    """What is said without incidents: it may be too early for one, and still not be well."""
    with read_session() as session:
        verdict = judge(session, fetching_state(session))
    return "Nothing is wrong." if verdict.ok else f"There is no incident yet. {verdict.headline}."


@group.command("check")
def check() -> None:
    """Look for what is wrong and send what is due, as the worker does; for cron, where no worker may run.

    \b
    Exit status: 0 nothing is wrong, 1 something is.
    """
    check_now()
    with read_session() as session:
        incidents = session.scalars(open_incidents()).all()
    for incident in incidents:
        click.echo(incident.sentence)
    sys.exit(1 if incidents else 0)


@group.command("test")
def test() -> None:
    """Send a message to each target of POSTMASTER_ALERT_TARGETS.

    \b
    Exit status: 0 all were reached, 1 one was not, 2 there is no target.
    """
    targets = alert_targets()
    if not targets:
        example = "Example: POSTMASTER_ALERT_TARGETS=mailtos://user:password@smtp.example.com?to=ops@example.com"
        raise ConfigError("no-target", "No alert target is set.", example)
    results = [target.try_out(actor()) for target in targets]
    for target, taken in zip(targets, results, strict=True):
        click.echo(f"{target.label}: {'sent' if taken else 'NOT sent: check the address, and that it can be reached'}")
    sys.exit(0 if all(results) else 1)


def _row(incident: Incident) -> Json:
    return {
        "id": incident.id,
        "condition": incident.condition,
        "since": f"{incident.opened_at:%Y-%m-%dT%H:%M:%SZ}",
        "over": f"{incident.closed_at:%Y-%m-%dT%H:%M:%SZ}" if incident.closed_at else None,
        "sentence": incident.sentence,
        "deliveries": [_delivery(delivery) for delivery in incident.deliveries],
    }


def _delivery(delivery: AlertDelivery) -> Json:
    return {
        "target": delivery.label,
        "over": delivery.over,
        "sent": f"{delivery.sent_at:%Y-%m-%dT%H:%M:%SZ}" if delivery.sent_at else None,
        "tries": delivery.tries,
    }


def _told(row: Json) -> str:
    deliveries = row["deliveries"]
    failing = [delivery["target"] for delivery in deliveries if delivery["tries"] and not delivery["sent"]]
    if failing:
        return f"not sent to {', '.join(failing)}; will be tried again"
    return f"{sum(delivery['sent'] is not None for delivery in deliveries)} of {len(deliveries)}"
