"""``flask outlet``: where events go, and what was handed over."""

from __future__ import annotations

from collections.abc import Iterator

import click
from sqlalchemy import Select
from sqlalchemy.orm import Session

from postmaster.cli.base import ID, MAX_COUNT, Number, actor, print_json
from postmaster.cli.output import read_moment, since_option
from postmaster.cli.resources import ResourceCommands, as_json, resource_group
from postmaster.cli.tables import print_table
from postmaster.database import read_session, transaction
from postmaster.extensions import Json
from postmaster.outlets import actions
from postmaster.outlets.models import Delivery, DeliveryState, Outlet
from postmaster.outlets.service import OutletService
from postmaster.quantity import quantity

group = resource_group(
    ResourceCommands(
        service=OutletService,
        columns=("id", "name", "kind", "url", "validity", "health", "comment"),
        delete_help="Delete one outlet, with what is on its way to it and what was handed over.",
        import_help="A new outlet comes without its secret and its headers, and shows “needs-secret” until it is "
        "given: flask outlet set NAME --secret-stdin",
    )
)

which = click.argument("which", metavar="OUTLET")


def _find(session: Session, text: str) -> Outlet:
    return OutletService(session, actor()).find(text)


@group.command("test")
@which
@as_json
def test(which: str, json_: bool) -> None:
    """Send a signed event that says that it is a test, and print what the receiver answers.

    \b
    Exit status: 0 it was taken; 1 it was not; 2 wrong usage.
    """
    with read_session() as session:
        outlet = _find(session, which)
    answer = actions.send_test(outlet, actor())
    if json_:
        print_json(answer.as_dict())
    else:
        click.echo(actions.words_of(answer))
    if not answer.taken:
        raise SystemExit(1)


@group.command("pause")
@which
@click.option(
    actions.REASON.option, actions.REASON.name, default="", metavar=actions.REASON.metavar, help=actions.REASON.help
)
def pause(which: str, reason: str) -> None:
    """Hand nothing more over to one outlet; its events wait."""
    with transaction() as session:
        done = actions.pause(session, _find(session, which), reason, actor())
    click.echo("The outlet is paused; its events wait." if done else "The outlet was paused already.")


@group.command("resume")
@which
def resume(which: str) -> None:
    """Hand over to one outlet again, beginning with what waits."""
    with transaction() as session:
        done = actions.resume(session, _find(session, which), actor())
    click.echo("Its events are handed over again." if done else "The outlet was not paused; what waits is tried now.")


@group.command("replay")
@which
@since_option("Events that happened")
def replay(which: str, since: str) -> None:
    """Hand over once more to one outlet what happened since a moment, each event under the id that it had."""
    moment = read_moment("--since", since)
    if moment is None:
        raise click.UsageError("Say from when on: --since 2026-11-23T09:30")
    with transaction() as session:
        count = actions.replay(session, _find(session, which), moment, actor())
    click.echo(f"{quantity(count, 'event is', 'events are')} handed over once more.")


@group.command("retry")
@which
@click.argument("delivery", type=ID, required=False, metavar="[DELIVERY]")
def retry(which: str, delivery: int | None) -> None:
    """Try at once what waits of one outlet; or send one delivery again, by its id, also if it was taken."""
    with transaction() as session:
        outlet = _find(session, which)
        count = actions.retry(session, outlet, delivery, actor())
    click.echo(f"{quantity(count, 'delivery is', 'deliveries are')} tried now.")


@group.command("deliveries")
@which
@click.option("--state", type=click.Choice([state.value for state in DeliveryState]), help="Only those that stand so.")
@click.option(
    "--limit", type=Number(1, MAX_COUNT), default=100, show_default=True, help="How many at most, the newest first."
)
@as_json
def deliveries(which: str, state: str | None, limit: int, json_: bool) -> None:
    """List what was handed over to one outlet and what is on its way, the newest events first."""
    with read_session() as session:
        query = actions.deliveries_of(_find(session, which), DeliveryState(state) if state else None)
        rows = _rows(session, query.order_by(Delivery.event_id.desc()).limit(limit))
        if json_:
            for row in rows:
                print_json(row)
        else:
            columns = ("id", "event", "ticket", "state", "attempts", "next_try", "status", "delivered", "number")
            print_table(columns, ([row[column] for column in columns] for row in rows))


def _rows(session: Session, query: Select[Delivery]) -> Iterator[Json]:
    for row in session.scalars(query.execution_options(yield_per=500)):
        yield actions.describe(row)
