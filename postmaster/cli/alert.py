"""``flask alert``: what is wrong, who knows, and where alerts are sent."""

from __future__ import annotations

import sys

import click
from sqlalchemy.orm import selectinload

from postmaster.cli.base import ID, Group, actor, print_json
from postmaster.cli.resources import ResourceCommands, as_json, resource_group
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.errors import ConfigError
from postmaster.extensions import Json
from postmaster.operations.acknowledging import NOTE, acknowledge
from postmaster.operations.alerting import check_now
from postmaster.operations.incidents import open_incidents, recent_incidents
from postmaster.operations.models import AlertDelivery, Incident
from postmaster.operations.state import fetching_state
from postmaster.operations.target_service import TargetService
from postmaster.operations.targets import alert_targets
from postmaster.operations.verdict import judge

group = Group("alert", help="Show and acknowledge incidents, and manage where alerts are sent.")
group.add_command(
    resource_group(
        ResourceCommands(
            service=TargetService,
            columns=("id", "name", "conditions", "quiet_hours", "validity", "health", "comment"),
            several="alert targets that are kept in the database",
            import_help="A new target comes without its address, and shows “needs-address” until it is given: "
            "flask alert target set NAME --address-stdin",
            group="alert target",
        )
    )
)

MAX_SHOWN = 50


@group.command("list")
@click.option("--all", "all_", is_flag=True, help=f"Show the last {MAX_SHOWN}, including those that are over.")
@as_json
def list_(all_: bool, json_: bool) -> None:
    """List what is wrong; with --json one object per line."""
    with read_session() as session:
        query = recent_incidents().limit(MAX_SHOWN) if all_ else open_incidents()
        rows = [_row(incident) for incident in session.scalars(query.options(selectinload(Incident.deliveries)))]
    if json_:
        for row in rows:
            print_json(row)
    elif rows:
        columns = ("id", "condition", "since", "over", "sentence")
        shown = [(*(row[name] for name in columns), _told(row), _acknowledged(row)) for row in rows]
        print_table(("Id", "Condition", "Since", "Over", "What", "Sent", "Acknowledged"), shown)
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
@click.argument("which", metavar="[TARGET]", required=False)
def test(which: str | None) -> None:
    """Send a message to each target, or to one TARGET by its name; quiet hours do not count.

    \b
    Exit status: 0 all were reached, 1 one was not, 2 there is no target.
    """
    with read_session() as session:
        targets = alert_targets(session)
    if which is not None:
        targets = [target for target in targets if target.label.lower() == which.lower()]
    if not targets:
        raise _no_target(which)
    results = [target.try_out(actor()) for target in targets]
    for target, taken in zip(targets, results, strict=True):
        click.echo(f"{target.label}: {'sent' if taken else 'NOT sent: check the address, and that it can be reached'}")
    sys.exit(0 if all(results) else 1)


def _no_target(which: str | None) -> ConfigError:
    if which is None:
        example = "Example: POSTMASTER_ALERT_TARGETS=mailtos://user:password@smtp.example.com?to=ops@example.com"
        return ConfigError("no-target", "No alert target is set.", f"Run: flask alert target add --help. {example}")
    return ConfigError("no-target", f"There is no valid target “{which}”.", "Run: flask alert target list")


@group.command("acknowledge")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=ID)
@click.option(NOTE.option, NOTE.name, default="", help=f"{NOTE.help}  [mandatory]")
def acknowledge_(ids: tuple[int, ...], note: str) -> None:
    """Acknowledge incidents that are open: they stay listed, and are sent again only if they get worse."""
    with transaction() as session:
        incidents = acknowledge(session, ids, note, actor())
    for incident in incidents:
        click.echo(f"acknowledged {incident.id} {incident.sentence}")
    for number in sorted(set(ids) - {incident.id for incident in incidents}):
        click.echo(f"Warning: incident {number} is not open.", err=True)


def _row(incident: Incident) -> Json:
    return {
        "id": incident.id,
        "condition": incident.condition,
        "since": f"{incident.opened_at:%Y-%m-%dT%H:%M:%SZ}",
        "over": f"{incident.closed_at:%Y-%m-%dT%H:%M:%SZ}" if incident.closed_at else None,
        "sentence": incident.sentence,
        "acknowledged": f"{incident.acknowledged_at:%Y-%m-%dT%H:%M:%SZ}" if incident.acknowledged_at else None,
        "acknowledged_by": incident.acknowledged_by,
        "note": incident.note,
        "deliveries": [_delivery(delivery) for delivery in incident.deliveries],
    }


def _delivery(delivery: AlertDelivery) -> Json:
    return {
        "target": delivery.label,
        "over": delivery.over,
        "sent": f"{delivery.sent_at:%Y-%m-%dT%H:%M:%SZ}" if delivery.sent_at else None,
        "tries": delivery.tries,
        "waits": delivery.next_try_at is not None,
    }


def _told(row: Json) -> str:
    deliveries = row["deliveries"]
    failing = [delivery["target"] for delivery in deliveries if delivery["tries"] and delivery["waits"]]
    if failing:
        return f"not sent to {', '.join(failing)}; will be tried again"
    return f"{sum(delivery['sent'] is not None for delivery in deliveries)} of {len(deliveries)}"


def _acknowledged(row: Json) -> str:
    if not row["acknowledged_by"]:
        return ""
    return f"{'' if row['acknowledged'] else 'worse since '}{row['acknowledged_by']}: {row['note']}"
