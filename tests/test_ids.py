"""An id is never used twice: whoever still has it, on a page left open or in a note, must not reach another row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, inspect, text
from sqlalchemy.orm import Session

from postmaster.bulk import insert_rows
from postmaster.database import transaction
from postmaster.extensions import Model, all_tables, db
from tests.filling import Insert, fill, fill_tables

# Whatever is known by a number that the database gives.
NUMBERED = [table for table in all_tables().sorted_tables if table.autoincrement_column is not None]

Ids = dict[str, list[int]]


@pytest.fixture
def ready(app: Flask) -> Iterator[Flask]:
    """The app, in its context."""
    with app.app_context():
        yield app


def by_model(session: Session) -> Insert:
    """Adds a row as a page or a command does."""

    def insert(table: Table, row: dict[str, Any]) -> int:
        key = session.execute(table.insert().values(row)).inserted_primary_key  # type: ignore[attr-defined]
        return int(key[0]) if table.autoincrement_column is not None else 0

    return insert


def in_bulk(session: Session) -> Insert:
    """Adds a row as recording does."""
    models = {mapper.local_table: mapper.class_ for mapper in Model.registry.mappers}
    plain = by_model(session)

    def insert(table: Table, row: dict[str, Any]) -> int:
        return insert_rows(session, models[table], [row])[0] if table in NUMBERED else plain(table, row)

    return insert


def add_to_all(how: Any) -> Ids:
    """Add two rows to every table; returns their ids."""
    with transaction() as session:
        return fill_tables(db.metadata.sorted_tables, how(session))


def empty_all() -> None:
    """Delete all rows there are."""
    with transaction() as session:
        for table in reversed(db.metadata.sorted_tables):
            session.execute(table.delete())


def tables_there() -> set[str]:
    """The tables that the database has by now."""
    return set(inspect(db.engine).get_table_names())


def test_whatever_a_page_or_a_command_names_by_its_id_is_numbered() -> None:
    assert {table.name for table in db.metadata.sorted_tables if "id" in table.columns} - {"fetch_pause"} == {
        table.name for table in NUMBERED
    }


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("how", [by_model, in_bulk])
def test_no_table_gives_away_the_id_of_a_deleted_row(how: Any) -> None:
    before = add_to_all(how)
    empty_all()
    after = add_to_all(how)
    assert before.keys() == {table.name for table in NUMBERED}
    assert {name: ids for name, ids in after.items() if min(ids) <= max(before[name])} == {}


@pytest.mark.usefixtures("ready")
def test_rows_that_are_added_one_by_one_and_in_bulk_never_meet() -> None:
    ways = [add_to_all(how) for how in (in_bulk, by_model, in_bulk, by_model)]
    for name in ways[0]:
        ids = [number for way in ways for number in way[name]]
        assert ids == sorted(set(ids)), name


@pytest.mark.database("sqlite")
def test_what_was_deleted_before_the_upgrade_is_not_used_again_after_it(ready: Flask) -> None:
    runner = ready.test_cli_runner()
    assert runner.invoke(args=["db", "downgrade", "r06"]).exit_code == 0
    there = tables_there()
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM sqlite_sequence"))  # as if it had never been there
        fill(connection)
        last = connection.scalar(text("SELECT max(id) FROM alert_delivery"))
        connection.execute(text("DELETE FROM alert_delivery"))
        fill(connection)
        assert connection.scalar(text("SELECT min(id) FROM alert_delivery")) <= last, "the fault that is mended"
        connection.execute(text("DELETE FROM alert_delivery"))
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    assert {name: ids for name, ids in add_to_all(by_model).items() if name in there and min(ids) <= last} == {}


@pytest.mark.database("sqlite")
def test_upgrading_and_going_back_keeps_the_count(ready: Flask) -> None:
    before = add_to_all(by_model)
    empty_all()
    runner = ready.test_cli_runner()
    assert runner.invoke(args=["db", "downgrade", "r06"]).exit_code == 0
    there = tables_there()
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    after = add_to_all(in_bulk)
    assert {name: ids for name, ids in after.items() if name in there and min(ids) <= max(before[name])} == {}


@pytest.mark.database("sqlite")
def test_the_embedded_database_is_sound_after_its_tables_were_reworded(ready: Flask) -> None:
    with ready.app_context(), db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
        words = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'").scalars()
        assert set(words) == {table.name for table in NUMBERED}
