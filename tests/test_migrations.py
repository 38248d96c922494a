"""The migrations make exactly the tables that the models describe, on both databases, and cost nobody a row."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from sqlalchemy import func, select, text, update

from postmaster import create_app
from postmaster.accounts.models import MailAccount, Trust
from postmaster.config import load_environment
from postmaster.database import prepare_database, read_session, transaction
from postmaster.errors import ConfigError
from postmaster.extensions import db, now
from postmaster.ledger.flow_models import Outage, QueueHour
from postmaster.ledger.hourly_counts import hour_of
from postmaster.ledger.models import FetchRun, InboundMail, MailTerm, RunStatus
from postmaster.ledger.search_index import IndexedPart, term
from postmaster.schema import MIGRATIONS, RENUMBERED, head
from tests.databases import KINDS
from tests.filling import Columns, Counts, columns_of, counts, fill, fill_news, lost
from tests.results import runner_of
from tests.turns import in_turns

Migrate = Callable[..., None]

SCRIPTS = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())[::-1]

# The number that a database bears, which was given again later; and on which one it is.
OLD = list(product(RENUMBERED, KINDS))


def on_one(name: str) -> pytest.MarkDecorator:
    """What a step makes of rows, bin/test looks at on one database by turns; that no step costs any, on both."""
    return pytest.mark.parametrize("empty", in_turns(KINDS, name), indirect=True)


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, environ: dict[str, str]) -> Iterator[Flask]:
    """The app on a database without tables, in its context."""
    if request.param == "postgresql":
        environ = {**environ, "POSTMASTER_DATABASE_URL": request.getfixturevalue("postgres").create_database()}
    else:
        environ = {name: value for name, value in environ.items() if name != "POSTMASTER_DATABASE_URL"}
    app = create_app(load_environment(environ))
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture
def migrate(empty: Flask) -> Migrate:
    """``flask db …``."""

    def command(*arguments: str) -> None:
        result = empty.test_cli_runner().invoke(args=["db", *arguments])
        assert result.exit_code == 0, result.output

    return command


def content() -> Counts:
    """What is in the tables."""
    with db.engine.connect() as connection:
        return counts(connection, columns_of(connection))


def fill_all() -> Counts:
    """Add rows to all tables; returns what is in them then."""
    with db.engine.begin() as connection:
        fill(connection)
        return counts(connection, columns_of(connection))


class Walk:
    """The steps of a way up and down. Before each, all columns of all tables have values."""

    def __init__(self, migrate: Migrate) -> None:
        self._migrate = migrate
        self._filled: Columns = {}
        self._before: Counts = {}
        self.arrive()

    def step(self, direction: str, revision: str) -> None:
        """Go to the next revision, which may cost nothing."""
        self._migrate(direction, revision)
        before = self._before
        assert lost(before, self.arrive()) == {}, f"by the {direction} to {revision}"

    def arrive(self) -> Counts:
        """Fill what the last step made, for the next one to keep; returns what was there before."""
        with db.engine.begin() as connection:
            columns = columns_of(connection)
            found = counts(connection, columns)
            news = fill_news(connection, columns, self._filled)
            self._before = found | counts(connection, {table: columns[table] for table in news})
        self._filled = columns
        assert all(all(row.values()) for row in self._before.values()), "an empty column proves nothing"
        return found


def written_down() -> str:
    """The revision that the database bears."""
    with db.engine.connect() as connection:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def write_down(revision: str) -> None:
    """Stamp the database with ``revision``."""
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_models_and_migrations_agree(migrate: Migrate) -> None:
    migrate("upgrade")
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_no_step_up_or_down_costs_a_row_or_a_reference(migrate: Migrate) -> None:
    migrate("upgrade", SCRIPTS[0].revision)
    walk = Walk(migrate)
    for script in SCRIPTS[1:]:
        walk.step("upgrade", script.revision)
    for script in SCRIPTS[-2::-1]:
        walk.step("downgrade", script.revision)
    migrate("downgrade", "base")
    assert content() == {}
    migrate("upgrade")


# Addresses as they were kept, and as they are compared.
COMPARED = {
    "desk@xn--kche-0ra.example": "desk@küche.example",
    "'desk@b.example'": "desk@b.example",
    "Å@b.example": "å@b.example",
    "desk@c.example": "desk@c.example",
}


@on_one("addresses")
def test_addresses_that_are_there_are_compared_as_new_ones(migrate: Migrate) -> None:
    migrate("upgrade", "r11")
    fill_all()
    fill_all()
    columns = (("system_address", "address"), ("ticket", "sender_address"), ("article", "sender_address"))
    kept: dict[str, dict[int, str]] = {}
    with db.engine.begin() as connection:
        for table, column in columns:
            ids = connection.execute(text(f"SELECT id FROM {table} ORDER BY id")).scalars().all()
            kept[table] = dict(zip(ids, COMPARED, strict=True))
            for number, written in kept[table].items():
                one = {"address": written, "id": number}
                connection.execute(text(f"UPDATE {table} SET {column} = :address WHERE id = :id"), one)
    migrate("upgrade")
    with db.engine.connect() as connection:
        for table, column in columns:
            found = connection.execute(text(f"SELECT id, {column} FROM {table}")).all()
            assert dict(found) == {number: COMPARED[written] for number, written in kept[table].items()}


@on_one("domains")
def test_earlier_mail_is_found_by_both_forms_of_an_international_domain(migrate: Migrate) -> None:
    migrate("upgrade", "r16")
    fill_all()
    sender, recipients = "Eva@xn--kche-0ra.example", ["info@straße.example", "ann@b.example"]
    before = [term(IndexedPart.SENDER, word) for word in (sender.lower(), "xn--kche-0ra.example")]
    wanted = [term(IndexedPart.SENDER, "eva@küche.example"), term(IndexedPart.RECIPIENT, "straße.example")]
    with db.engine.begin() as connection:
        mail = connection.execute(text("SELECT min(id) FROM inbound_mail")).scalar_one()
        one = {"sender": sender, "recipients": json.dumps(recipients), "id": mail}
        connection.execute(
            text("UPDATE inbound_mail SET sender = :sender, recipients = :recipients WHERE id = :id"), one
        )
        for number in before:
            connection.execute(text("INSERT INTO mail_term VALUES (:term, :id)"), {"term": number, "id": mail})
    migrate("upgrade")
    with db.engine.connect() as connection:
        found = connection.execute(text("SELECT term FROM mail_term WHERE mail_id = :id"), {"id": mail}).scalars().all()
    assert set(wanted) <= set(found)
    assert not set(before) & set(found)


@on_one("both forms")
def test_an_address_that_is_there_in_both_forms_stays_as_it_is(migrate: Migrate) -> None:
    migrate("upgrade", "r11")
    fill_all()
    forms = ["desk@küche.example", "desk@xn--kche-0ra.example"]
    with db.engine.begin() as connection:
        ids = connection.execute(text("SELECT id FROM system_address ORDER BY id")).scalars().all()
        for number, address in zip(ids, forms, strict=False):
            one = {"address": address, "id": number}
            connection.execute(text("UPDATE system_address SET address = :address WHERE id = :id"), one)
    migrate("upgrade")
    with db.engine.connect() as connection:
        kept = connection.execute(text("SELECT address FROM system_address")).scalars().all()
    assert set(forms) <= set(kept)


@on_one("trust")
def test_whom_accounts_trust_and_what_was_found_about_senders_stays(migrate: Migrate) -> None:
    migrate("upgrade", "r16")
    fill_all()
    step = {"stage": "sender", "text": "x", "verdict": "fail", "domain": "example.net"}
    with db.engine.begin() as connection:
        told, other = connection.execute(text("SELECT id FROM inbound_mail ORDER BY id")).scalars()
        changing = text("UPDATE inbound_mail SET trace = :trace WHERE id = :id")
        connection.execute(changing, {"trace": json.dumps([{"stage": "loop", "text": "x"}, step]), "id": told})
        connection.execute(changing, {"trace": json.dumps([{"stage": "sender", "text": "of no verdict"}]), "id": other})
        before = connection.execute(text("SELECT trusted FROM mail_account ORDER BY id")).scalars().all()
    migrate("upgrade")
    with read_session() as session:
        trusts = session.scalars(select(MailAccount.trust).order_by(MailAccount.id)).all()
        assert trusts == [Trust.YES if trusted else Trust.NO for trusted in before]
        assert {*trusts} == {Trust.YES, Trust.NO}
        verdicts = dict(session.execute(select(InboundMail.id, InboundMail.verdict)).all())
        assert verdicts == {told: {"verdict": "fail", "domain": "example.net"}, other: None}
        found = select(MailTerm.mail_id).where(MailTerm.term == term(IndexedPart.VERDICT, "fail"))
        assert session.scalars(found).all() == [told]
    migrate("downgrade", "r16")
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT trusted FROM mail_account ORDER BY id")).scalars().all() == before


@on_one("charts")
def test_charts_and_uptime_begin_with_what_is_there(migrate: Migrate) -> None:
    migrate("upgrade", "r25")
    fill_all()
    moment = now().replace(microsecond=0)
    statuses = (RunStatus.OK, RunStatus.FAILED, RunStatus.FAILED, RunStatus.OK, RunStatus.INTERRUPTED, RunStatus.FAILED)
    with transaction() as session:
        account = session.execute(text("SELECT min(id) FROM mail_account")).scalar_one()
        session.execute(update(InboundMail).values(recorded_at=moment))
        for hour, status in enumerate(statuses):
            started = moment - timedelta(hours=len(statuses) - hour)
            session.add(FetchRun(account_id=account, label="x", started_by="x", started_at=started, status=status))
    migrate("upgrade")
    with read_session() as session:
        mail = session.execute(select(QueueHour.hour, func.sum(QueueHour.mails)).group_by(QueueHour.hour)).all()
        outages = session.execute(select(Outage.account_id, Outage.began_at, Outage.ended_at, Outage.failed)).all()
    assert mail == [(hour_of(moment), 2)]
    assert outages == [(account, moment - timedelta(hours=5), moment - timedelta(hours=3), True)]


def test_migrations_are_numbered_in_the_order_in_which_they_run() -> None:
    assert [script.revision for script in SCRIPTS] == [f"r{number:02}" for number in range(1, len(SCRIPTS) + 1)]
    assert all(re.fullmatch(rf"{script.revision}_[a-z0-9_]+\.py", script.path.rpartition("/")[2]) for script in SCRIPTS)


@pytest.mark.parametrize(("old", "empty"), in_turns(OLD, "renumbered", 4), indirect=["empty"])
def test_a_database_that_bears_an_old_number_is_upgraded_with_all_its_rows(migrate: Migrate, old: str) -> None:
    migrate("upgrade", RENUMBERED[old])
    before = fill_all()
    write_down(old)
    migrate("current")
    assert written_down() == old, "a look changes nothing: the version of before can still be put back"
    if current_app.config["SETTINGS"].embedded:
        prepare_database()
    else:
        with pytest.raises(ConfigError, match="flask db upgrade"):
            prepare_database()
        migrate("upgrade")
    assert written_down() == head()
    assert lost(before, content()) == {}


@pytest.fixture
def next_step(tmp_path: Path) -> Callable[[str], list[str]]:
    """Makes the options of ``flask db`` that add a step to the migrations, which does what the given code says."""

    def write(code: str) -> list[str]:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        lines = ("from alembic import op", "revision = 'next'", f"down_revision = '{head()}'", "def upgrade():", code)
        (folder / "versions" / "next_step.py").write_text("\n".join(lines))
        return ["upgrade", "--directory", str(folder)]

    return write


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_a_step_that_leaves_rows_without_those_they_belong_to_is_refused_and_changes_nothing(
    empty: Flask, migrate: Migrate, next_step: Callable[[str], list[str]]
) -> None:
    migrate("upgrade")
    before = fill_all()
    result = empty.test_cli_runner().invoke(args=["db", *next_step("    op.execute('DELETE FROM ticket')")])
    assert "[schema-dangling]" in result.output
    assert "article" in result.output
    assert content() == before


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_rows_that_belonged_to_nothing_before_keep_no_upgrade_from_being_made(migrate: Migrate) -> None:
    migrate("upgrade", "r05")
    fill_all()
    with closing(sqlite3.connect(current_app.config["SETTINGS"].database_file)) as connection:
        connection.execute("DELETE FROM ticket")  # its own connections do not look after foreign keys
        connection.commit()
    before = content()
    prepare_database()
    assert lost(before, content()) == {}


@on_one("filters")
def test_filters_whose_meaning_an_absent_header_changes_are_to_be_reviewed_until_saved(
    migrate: Migrate, empty: Flask
) -> None:
    migrate("upgrade", "r11")
    conditions = {
        "1 same": (["Subject=invoice"], []),
        "2 negated": (["Subject=invoice"], ["X-Spam=yes"]),
        "3 finds nothing": (["X-Spam=.*"], []),
        "4 no pattern": (["Subject=("], []),
    }
    with db.engine.begin() as connection:
        for number, (name, (match, not_match)) in enumerate(conditions.items(), 1):
            connection.execute(
                text(
                    "INSERT INTO postmaster_filter (id, name, stop, match, not_match, sets, all_accounts,"
                    " validity, comment, changed_at, revision) VALUES (:id, :name, false, :match, :not_match, '[]',"
                    " true, 'valid', '', '2026-11-01 00:00:00+00:00', 1)"
                ),
                {"id": number, "name": name, "match": json.dumps(match), "not_match": json.dumps(not_match)},
            )
        connection.execute(text("INSERT INTO filter_state (filter_id, slow_count) VALUES (2, 7)"))
    migrate("upgrade")
    run = runner_of(empty)
    health = {line["name"]: line["health"] for line in run("filter", "list", "--json").json_lines}
    assert [name for name, word in health.items() if word == "to-review"] == ["2 negated", "3 finds nothing"]
    assert run("filter", "set", "3 finds nothing", "--comment", "").exit_code == 0
    shown = run("filter", "show", "3 finds nothing", "--json").json
    assert (shown["health"], shown["to_review"]) == ("healthy", False)
    assert run("filter", "show", "2 negated", "--json").json["slow_count"] == 7
