"""The help says what the tables of the code say, about each page, each error and each command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from postmaster.accounts.fields import ACCOUNT_FIELDS
from postmaster.accounts.kinds import CREDENTIAL_KINDS
from postmaster.accounts.types import ACCOUNT_TYPES
from postmaster.errors import FAULTS
from postmaster.pipeline.decision import REASONS
from postmaster.pipeline.filters.patterns import condition, setting
from postmaster.pipeline.filters.pseudo_headers import PSEUDO_HEADERS
from postmaster.pipeline.filters.service import FilterService
from postmaster.pipeline.x_otrs_headers import HEADERS
from postmaster.refusals import EXIT_CODES, REFUSALS
from postmaster.system.setting_table import SETTINGS
from postmaster.version import __version__
from postmaster.web import BLUEPRINTS
from postmaster.web.help import help_of
from postmaster.web.help_entry import Entry
from postmaster.web.help_topics import EXAMPLES, TOPICS
from tests.support import Desk
from tests.web.resource_support import words

# What each page of the help must name, whatever is added to the tables.
NAMED = {
    "accounts": [*ACCOUNT_TYPES, *(field.label for field in ACCOUNT_FIELDS)],
    "credentials": [spec.label for spec in CREDENTIAL_KINDS.values()],
    "filters": [*PSEUDO_HEADERS, *(field.label for field in FilterService.fields)],
    "headers": [header.name for header in HEADERS],
    "settings": list(SETTINGS),
    "errors": [*FAULTS, *REFUSALS],
    "reasons": list(REASONS),
    "commands": [str(code) for code in EXIT_CODES],
}


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_opens_for_leads_and_names_all_there_is(lead: FlaskClient, topic: str) -> None:
    response = lead.get(f"/help/{topic}")
    assert response.status_code == 200
    names = [words(name) for name in re.findall(r"<dt>(.*?)</dt>", response.text)]
    assert names
    assert set(NAMED.get(topic, ())) <= set(names)


@pytest.mark.parametrize("topic", TOPICS)
def test_each_entry_has_an_address_of_its_own(client: FlaskClient, topic: str) -> None:
    page = client.get(f"/help/{topic}").text
    ids = re.findall(r'<div id="([^"]+)">', page)
    assert len(ids) == len(set(ids)) == page.count("<dt>")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_each_example_of_the_syntax_of_filters_is_right(example: Entry) -> None:
    assert (setting if example.code.startswith("X-OTRS-") else condition)(example.code)


def test_each_command_is_described_with_its_options(app: Flask, client: FlaskClient) -> None:
    page = words(client.get("/help/commands").text)
    for name, command in app.cli.commands.items():
        assert f"flask {name}" in page, command
    assert "flask account add [OPTIONS]" in page
    assert "--ssl-verify yes|no" in page


def test_each_page_leads_to_the_help_about_it(client: FlaskClient) -> None:
    for path, topic in {"/credentials": "credentials", "/settings": "settings", "/status": "accounts"}.items():
        assert f'id="help-link" href="/help/{topic}"' in client.get(path).text
    assert 'id="help-link" href="/help"' in client.get("/audit").text
    assert {name for topic in TOPICS.values() for name in topic.pages} <= {
        *(module.blueprint.name for module in BLUEPRINTS),
        "tickets",
        "quarantine",
        "filters",
        "mail",
    }


@pytest.mark.parametrize(
    ("code", "address"),
    [
        ("login-refused", "/help/errors#login-refused"),
        ("mailbox-taken", "/help/errors#mailbox-taken"),
        ("unknown-account", "/help/errors#unknown-NOUN"),
        ("queue-in-use", "/help/errors#NOUN-in-use"),
        ("dispatched-by-queue", "/help/reasons#dispatched-by-queue"),
        ("something-else", ""),
    ],
)
def test_a_code_leads_to_its_explanation(app: Flask, client: FlaskClient, code: str, address: str) -> None:
    with app.test_request_context():
        assert help_of(code) == address
    if address:
        path, _, anchor = address.partition("#")
        assert f'id="{anchor}"' in client.get(path).text


def test_a_topic_that_does_not_exist_is_no_page(client: FlaskClient) -> None:
    assert client.get("/help/nonsense").status_code == 404


def test_who_is_not_signed_in_sees_no_link_to_the_help(app: Flask, anonymous: FlaskClient) -> None:
    with app.test_request_context():
        assert url_for("help.page") == "/help"
    assert "help-link" not in anonymous.get("/login").text


def test_the_error_of_an_account_leads_to_its_explanation(desk: Desk, client: FlaskClient) -> None:
    credential = desk.credential("orders", "secret")
    desk.add_account(type="IMAP", host="127.0.0.1", port=1, credential=credential, dispatching="to")
    desk.fetch(code=1)
    for path in ("/accounts", "/accounts/1/status", "/runs"):
        assert 'href="/help/errors#connect-refused"' in client.get(path).text, path


def test_what_is_new_is_a_step_away_from_each_page_with_the_version(client: FlaskClient) -> None:
    assert 'href="/help/whats-new">' in client.get("/").text
    told = client.get("/help/whats-new").text
    assert f"This is PostMaster {__version__}." in told
    newest = re.search(r"^## (.+)$", (Path(__file__).parents[2] / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert f"<h2>{newest[1]}</h2>" in told
    assert "<code>flask read</code>" in told
