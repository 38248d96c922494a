"""The recipes of CONTRIBUTING: a step that is forgotten fails here, if it does nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from postmaster.accounts.fields import ACCOUNT_FIELDS
from postmaster.accounts.models import MailAccount
from postmaster.accounts.types import ACCOUNT_TYPES, Protocol, Tls
from postmaster.database import read_session, transaction
from postmaster.errors import FAULTS
from postmaster.fetching.counters import RunCounters
from postmaster.ledger.models import FetchRun, InboundMail, MailHour
from postmaster.oauth.token_diagnosis import EXCHANGE_NAMES
from postmaster.operations.metrics import render_metrics
from postmaster.outbox.models import EventType
from postmaster.outlets.kinds import EVENTS, OUTLET_KINDS, OutletKind
from postmaster.outlets.senders import SENDERS
from postmaster.pipeline.filters.pseudo_headers import PSEUDO_HEADERS
from postmaster.pipeline.outcome import Outcome
from postmaster.resources.fields import Field
from postmaster.sources.protocols import PROTOCOLS
from postmaster.system import list_settings, setting_table, settings
from postmaster.system.setting import Setting
from postmaster.web import BLUEPRINTS
from postmaster.web.help_topics import TOPICS
from postmaster.web.navigation import NAVIGATION
from tests.docs.documents import PACKAGE, TOP, section
from tests.sources.support import TYPES
from tests.support import Desk, mail
from tests.web.conftest import add, signed_in

# What nobody needs help with, or what is the help itself.
WITHOUT_HELP = {"audit", "help", "search", "wall"}
WITHOUT_NAVIGATION = {"help.page", "wall.page"}

# The subject of answers, which admins of OTRS know and PostMaster does not write.
ASKED_BY_NOBODY = {"SUBJECT_FORMAT"}

# Mail that was recorded before is not in the ledger a second time, so no list shows it.
RECORDED = [outcome for outcome in Outcome if outcome is not Outcome.ALREADY_RECORDED]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """The browser of an admin."""
    add(app, "ada")
    return signed_in(app, "ada")


def name_in_code(outcome: Outcome) -> str:
    return outcome.value.replace("-", "_")


@pytest.mark.parametrize("field", ACCOUNT_FIELDS, ids=lambda field: field.name)
def test_each_account_field_is_stored_shown_and_exported(desk: Desk, client: FlaskClient, field: Field) -> None:
    """``accounts/types.py`` or ``fields.py``, ``accounts/models.py``, ``web/accounts/form.py``."""
    kind = next(kind for kind in ACCOUNT_TYPES.values() if field not in TYPE_FIELDS_OF_SOME or kind.has(field))
    owner = {"address": "desk@example.org"} if kind.oauth_only else {"host": "imap.example.org"}
    desk.add_account(type=kind.name, dispatching="queue", queue="Raw", **owner)
    [exported] = json.loads(desk.ok("account", "export").stdout)["account"]
    [shown] = desk.ok("account", "list", "--json").json_lines
    assert hasattr(MailAccount, field.attribute) or hasattr(MailAccount, f"{field.name}_id")
    assert field.option in desk.ok("account", "add", "--help").stdout
    assert field.name in exported
    assert field.name in shown
    assert f'name="{field.name}"' in client.get("/accounts/1").text


TYPE_FIELDS_OF_SOME = {field for kind in ACCOUNT_TYPES.values() for field in kind.fields}


def test_each_account_type_meets_a_real_server() -> None:
    """``tests/sources/support.py``; Outlook365 is what ``tests/browser/outlook.py`` plays."""
    assert {*TYPES, "Outlook365"} == set(ACCOUNT_TYPES)


@pytest.mark.parametrize("protocol", Protocol)
def test_each_protocol_has_its_types_and_permissions(protocol: Protocol) -> None:
    """``accounts/types.py``, ``sources/protocols.py``, ``oauth/token_diagnosis.py``."""
    assert {kind.tls for kind in ACCOUNT_TYPES.values() if kind.protocol is protocol} == set(Tls)
    assert protocol in PROTOCOLS
    assert protocol in EXCHANGE_NAMES


@pytest.mark.parametrize("name", [name for name in PSEUDO_HEADERS if name != "X-OTRS-BodyDecrypted"])
def test_each_pseudo_header_has_a_value(desk: Desk, client: FlaskClient, name: str) -> None:
    """``pipeline/filters/pseudo_headers.py``."""
    desk.ok("filter", "add", "--name", "any", "--match", f"{name}=.+", "--set", "X-OTRS-Title=found")
    assert desk.ok("read", "--json", input=mail("order 7")).json["title"] == "found"
    assert f'<option value="{name}">' in client.get("/filters/add").text


def test_each_page_leads_to_its_help() -> None:
    """``web/help_topics.py``."""
    helped = {page for topic in TOPICS.values() for page in topic.pages}
    assert {module.blueprint.name for module in BLUEPRINTS} - WITHOUT_HELP == helped


def test_each_list_is_in_the_navigation(app: Flask) -> None:
    """``web/navigation.py``."""
    pages = {
        rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.endswith(".page") and not rule.arguments
    }
    assert pages - WITHOUT_NAVIGATION == {item.endpoint for group in NAVIGATION for item in group.items}


def settings_in_code() -> Iterator[tuple[str, Setting[object]]]:
    for module in (settings, list_settings):
        yield from ((name, value) for name, value in vars(module).items() if isinstance(value, Setting))


def test_each_setting_is_in_the_table_and_asked_for() -> None:
    """``system/settings.py``: the row; ``system/setting_table.py``: its place in a group."""
    assert {setting.name for _, setting in settings_in_code()} == set(setting_table.SETTINGS)
    own = {PACKAGE / f"system/{name}.py" for name in ("settings", "setting_table", "list_settings")}
    code = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if path not in own)
    unused = {name for name, _ in settings_in_code() if not re.search(rf"\[{name}\]|\b{name}\b(?!,\n)", code)}
    assert unused == ASKED_BY_NOBODY


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_is_counted_and_explained(outcome: Outcome) -> None:
    """``pipeline/outcome.py``, ``ledger/models.py``, docs/glossary.md."""
    counters = RunCounters()
    counters.count([outcome])
    assert counters.counters()[name_in_code(outcome)] == counters.done == 1
    assert name_in_code(outcome) in FetchRun.__table__.columns
    assert f"| {outcome.value} |" in section("docs/glossary.md", "Outcomes")


@pytest.mark.parametrize("outcome", RECORDED)
def test_each_recorded_outcome_has_words_metric_and_badge(
    app: Flask, desk: Desk, client: FlaskClient, outcome: Outcome
) -> None:
    """``pipeline/outcome.py``, ``ledger/models.py``."""
    desk.ok("read", input=mail("order 7"))
    with app.app_context(), transaction() as session:
        session.execute(update(InboundMail).values(outcome=outcome))
    assert name_in_code(outcome) in MailHour.__table__.columns
    assert f'<option value="{outcome.value}"' in client.get("/mail").text
    assert client.get("/mail/1").status_code == 200
    with app.app_context(), read_session() as session:
        assert f'outcome="{outcome.value}"' in render_metrics(session).decode()


def test_each_way_in_which_fetching_fails_says_what_to_do() -> None:
    """``errors.py``."""
    silent = [code for code, fault in FAULTS.items() if not (fault.message.endswith(".") and fault.advice)]
    assert silent == []


def test_each_kind_of_outlet_has_a_sender() -> None:
    """``outlets/kinds.py``, ``outlets/senders.py``."""
    assert set(OUTLET_KINDS) == set(SENDERS) == set(OutletKind)
    assert set(EVENTS) == set(EventType)


def test_each_test_that_the_recipes_name_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (TOP / "CONTRIBUTING.md").read_text())
    assert len(named) > 10
    missing = [(file, test) for file, test in named if f"def {test}" not in (TOP / file).read_text() and test]
    assert missing == []
