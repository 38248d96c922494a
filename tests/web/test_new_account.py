"""The way to a new account: where the mailbox is, its server, its credential, and the first steps up to a ticket."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.web.accounts.places import PLACES
from tests.servers.dns import DnsServer
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates, TestMailbox
from tests.servers.flask_process import Forked
from tests.support import Desk, mail
from tests.web.conftest import HTMX, token_header
from tests.web.resource_support import fields_of, fill, press, words
from tests.web.samples import HOSTILE
from tests.web.test_server_checks import ended, start

IMAPS = {"type": "IMAPS", "host": "imap.example.org", "dispatching": "to"}
SECRET = "a secret pass phrase"
APP = {"new_tenant": "contoso.example", "new_client_id": "4711", "new_client_secret": SECRET}


@pytest.fixture
def zone() -> Iterator[DnsServer]:
    """A DNS server that knows nothing yet."""
    with DnsServer({}) as server:
        yield server


@pytest.fixture
def environ(environ: dict[str, str], certificates: Certificates, dovecot: Dovecot, zone: DnsServer) -> dict[str, str]:
    """What the app and its children run with: they ask that server, and Exchange Online is here."""
    return {
        **environ,
        "POSTMASTER_DNS_SERVERS": zone.address,
        "POSTMASTER_CA_FILE": str(certificates.ca_file),
        "POSTMASTER_OUTLOOK_HOST": "localhost",
        "POSTMASTER_OUTLOOK_PORT": str(dovecot.port("imaps")),
    }


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], quick_children: list[Forked]) -> list[Forked]:
    """The children that were started; they have the environment of the web process."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return quick_children


def listed(desk: Desk, noun: str) -> list[Any]:
    return desk.ok(noun, "list", "--json").json_lines


def enter(client: FlaskClient, **entered: str) -> Any:
    """Fill in the form of a new account, and save it."""
    return fill(client, "/accounts/add", **{**IMAPS, **entered})


def tls(page: str) -> tuple[bool, str]:
    """Whether the section TLS of a page is open, and what it says while it is folded."""
    folded = r'<details class="folded"( open)?>\s*<summary[^>]*><h2[^>]*>TLS</h2><small>([^<]*)<'
    [(opened, said)] = re.findall(folded, page)
    return bool(opened), said


# Where the mailbox is


def test_adding_an_account_begins_with_where_the_mailbox_is(client: FlaskClient) -> None:
    assert 'href="/accounts/where"' in client.get("/accounts").text
    page = client.get("/accounts/where").text
    for key, place in PLACES.items():
        assert place.name in words(page)
        entered = fields_of(client.get(f"/accounts/add?where={key}").text)
        assert {name: entered[name] for name in place.values} == place.values
    assert fields_of(client.get("/accounts/add?where=nowhere").text)["type"] == "IMAPS"


def test_leads_are_not_asked(lead: FlaskClient) -> None:
    assert lead.get("/accounts/where").status_code == 403
    assert lead.post(f"/accounts/add/found/{'0' * 32}", headers=token_header(lead)).status_code == 403


def test_google_says_that_it_takes_an_app_password(client: FlaskClient) -> None:
    assert "Google takes an app password" in words(client.get("/accounts/add?where=google").text)


# The credential


def test_an_address_and_a_password_make_the_credential_with_the_account(client: FlaskClient, desk: Desk) -> None:
    assert enter(client, mailbox="anna@firm.example", new_password=SECRET).status_code == 303
    [account], [credential] = listed(desk, "account"), listed(desk, "credential")
    assert (account["label"], account["credential"]) == ("anna@imap.example.org", "anna@firm.example")
    assert (credential["kind"], credential["username"]) == ("basic", "anna@firm.example")


def test_another_user_name_and_a_name_that_is_taken(client: FlaskClient, desk: Desk) -> None:
    for user in ("anna", "berta"):
        enter(client, mailbox="desk@firm.example", new_username=user, new_password=SECRET)
    names = [(row["name"], row["username"]) for row in listed(desk, "credential")]
    assert sorted(names) == [("desk@firm.example", "anna"), ("desk@firm.example (2)", "berta")]


def test_an_app_at_microsoft_is_entered_with_the_account_and_then_to_be_authorised(
    client: FlaskClient, desk: Desk
) -> None:
    sent = {"type": "Outlook365", "address": "desk@contoso.example", "host": "", **APP}
    assert fill(client, "/accounts/add?where=microsoft", **sent).status_code == 303
    [account], [credential] = listed(desk, "account"), listed(desk, "credential")
    assert (account["credential"], credential["kind"]) == ("desk@contoso.example", "oauth2-microsoft")
    guide = client.get("/accounts").text.partition('id="guide"')[2].partition("</section>")[0]
    assert f'action="/credentials/{credential["id"]}/authorise"' in guide


def test_without_anything_of_it_there_is_no_credential_and_a_chosen_one_counts(client: FlaskClient, desk: Desk) -> None:
    enter(client, mailbox="anna@firm.example")
    assert listed(desk, "credential") == []
    name = desk.credential("berta", "other")
    enter(client, host="other.example", credential=name, mailbox="anna@firm.example", new_password=SECRET)
    assert [row["name"] for row in listed(desk, "credential")] == [name]


@pytest.mark.parametrize(
    ("entered", "beside", "sentence"),
    [
        ({"new_password": "x" * 1001, "mailbox": "a@b.example"}, "new_password", "has more than 1000 characters"),
        ({"new_username": "anna"}, "new_password", "Password is missing."),
        ({"new_password": SECRET}, "new_username", "User name is missing."),
        ({"new_password": SECRET, "mailbox": "a@b.example", "host": ""}, "host", "Host is missing."),
    ],
)
def test_what_is_refused_stands_beside_its_input_and_nothing_is_saved(
    client: FlaskClient, desk: Desk, entered: dict[str, str], beside: str, sentence: str
) -> None:
    response = enter(client, **entered)
    assert response.status_code == 422
    assert f'id="{beside}-error"' in response.text
    assert sentence in words(response.text)
    assert listed(desk, "credential") == listed(desk, "account") == []


def test_a_password_is_kept_nowhere_while_the_form_is_filled_in(app: Flask, client: FlaskClient) -> None:
    pages = [press(client, tool, new_password=SECRET, type="POP3").text for tool in ("fields", "credential")]
    pages.append(enter(client, host="", new_password=SECRET, credential="none").text)
    assert all(SECRET not in page for page in pages)
    folder = Path(app.config["SETTINGS"].data_dir, "scratch")
    assert all(SECRET not in file.read_text() for file in folder.iterdir())
    [params] = set(re.findall(r'hx-params="([^"]*type[^"]*)"', client.get("/accounts/add").text))
    assert "password" not in params
    assert "secret" not in params


def test_an_account_that_is_there_has_its_credential_chosen(client: FlaskClient, desk: Desk) -> None:
    desk.add_account(type="IMAPS", host="h.example")
    assert "new_password" not in client.get("/accounts/1").text


@pytest.mark.parametrize("kind", ["test", "folders", "preview"])
def test_a_connection_is_tested_with_a_credential_that_is_not_saved(
    client: FlaskClient, desk: Desk, mailbox: TestMailbox, children: list[Forked], kind: str
) -> None:
    mailbox.deliver(mail("kept"))
    server = {"type": "IMAP", "host": "127.0.0.1", "port": str(mailbox.server.port("imap")), "dispatching": "to"}
    sent = {**server, "mailbox": mailbox.user, "new_password": mailbox.password, "trusted": "no"}
    text = words(ended(client, start(client, kind, **sent)))
    assert {"test": "All went well", "folders": "INBOX", "preview": "kept"}[kind] in text
    [child] = children
    assert mailbox.password not in " ".join((*child.args, *child.environ, *child.environ.values()))
    assert listed(desk, "credential") == []
    assert mailbox.count() == 1


def test_an_app_has_to_be_authorised_before_a_connection_is_tested(client: FlaskClient) -> None:
    sent = {"type": "Outlook365", "address": "desk@contoso.example", **APP}
    assert "The new credential is not authorised yet." in words(start(client, "test", **sent))


# The server


def name_server(zone: DnsServer, domain: str, port: int, target: str = "localhost") -> str:
    """Have ``domain`` name a server; returns an address there."""
    zone.others = {(f"_imaps._tcp.{domain}", "SRV"): [f"0 1 {port} {target}."]}
    return f"anna@{domain}"


def use(client: FlaskClient, part: str, *, by_itself: bool, **entered: str) -> Any:
    """Have the server entered that was found: by itself as htmx does at once, or by the button."""
    [address] = re.findall(
        r'hx-post="([^"]*by=itself[^"]*)"' if by_itself else r'formaction="([^"]*/found/[^"]*)"', part
    )
    return client.post(html.unescape(address), data=entered, headers={**HTMX, **token_header(client)})


@pytest.mark.usefixtures("children")
def test_the_server_of_an_address_is_found_and_entered_by_itself(
    client: FlaskClient, zone: DnsServer, dovecot: Dovecot
) -> None:
    port = dovecot.port("imaps")
    address = name_server(zone, "localhost", port)
    part = ended(client, start(client, "discovery", mailbox=address))
    assert (
        f"IMAPS on localhost, port {port} : named by the domain. It answers, and its certificate is verified."
        in words(part)
    )
    used = use(client, part, by_itself=True, mailbox=address, type="POP3", comment="kept").text
    entered = fields_of(f'<form class="form">{used}')
    assert {name: entered[name] for name in ("type", "host", "port")} == {
        "type": "IMAPS",
        "host": "localhost",
        "port": str(port),
    }
    assert "use-server" not in used
    assert tls(used) == (False, "Verified")
    assert use(client, part, by_itself=True, mailbox=address, host="typed.example").status_code == 204
    assert 'value="localhost"' in use(client, part, by_itself=False, mailbox=address, host="typed.example").text


@pytest.mark.usefixtures("children")
def test_a_server_elsewhere_is_entered_only_when_somebody_says_so(
    client: FlaskClient, zone: DnsServer, dovecot: Dovecot
) -> None:
    address = name_server(zone, "firm.example", dovecot.port("imaps"))
    part = ended(client, start(client, "discovery", mailbox=address))
    assert "It is not below firm.example. Use it only if you know that it has the mailbox." in words(part)
    assert "by=itself" not in part
    assert 'value="localhost"' in use(client, part, by_itself=False, mailbox=address).text


@pytest.mark.usefixtures("children")
def test_a_server_with_a_doubtful_certificate_opens_the_section_tls(
    client: FlaskClient, zone: DnsServer, dovecot: Dovecot
) -> None:
    address = name_server(zone, "firm.example", dovecot.port("imaps"), "127.0.0.2")
    part = ended(client, start(client, "discovery", mailbox=address))
    assert "is not signed by a CA known here" in words(part)
    assert re.search(
        r'class="folded" open>\s*<summary[^>]*><h2[^>]*>TLS</h2><small>Refused', use(client, part, by_itself=False).text
    )


@pytest.mark.usefixtures("children")
def test_a_mailbox_at_microsoft_leads_to_where_it_is_added(client: FlaskClient, zone: DnsServer) -> None:
    zone.others = {("firm.example", "MX"): ["0 firm-example.mail.protection.outlook.com."]}
    part = ended(client, start(client, "discovery", mailbox="desk@firm.example"))
    assert "This mailbox is at Microsoft 365," in words(part)
    [link] = re.findall(r'href="([^"]*where=microsoft[^"]*)"', part)
    assert fields_of(client.get(html.unescape(link)).text)["address"] == "desk@firm.example"


@pytest.mark.usefixtures("children")
def test_that_no_server_was_found_says_what_to_do(client: FlaskClient) -> None:
    text = words(ended(client, start(client, "discovery", mailbox="anna@firm.example")))
    assert "No server was found for anna@firm.example. Ask whoever runs the mailbox" in text


@pytest.mark.parametrize("address", ["", "anna", HOSTILE])
def test_what_is_no_address_is_looked_for_nowhere(client: FlaskClient, children: list[Forked], address: str) -> None:
    part = start(client, "discovery", mailbox=address)
    assert "Correct this first: E-mail Address" in words(part)
    assert "<img src=x" not in part
    assert children == []


# TLS


@pytest.mark.parametrize(
    ("entered", "summary"),
    [
        ({}, "Verified"),
        ({"ssl_verify": "no"}, "Not verified"),
        ({"ssl_fingerprint": "sha256$00"}, "One certificate only"),
        ({"ssl_verifycn_name": "other.example"}, "Verified"),
    ],
)
def test_tls_is_folded_as_long_as_it_is_as_usual(client: FlaskClient, entered: dict[str, str], summary: str) -> None:
    page = client.get("/accounts/add/fields", query_string={**IMAPS, **entered}, headers=HTMX).text
    [(opened, said)] = re.findall(
        r'<details class="folded"( open)?>\s*<summary[^>]*><h2[^>]*>TLS</h2><small>([^<]*)<', page
    )
    assert (bool(opened), said) == (bool(entered), summary)


@pytest.mark.usefixtures("children")
def test_a_refused_certificate_opens_it_and_can_be_looked_at_beside_the_stage(
    client: FlaskClient, dovecot: Dovecot
) -> None:
    server = {"type": "IMAPS", "host": "127.0.0.2", "port": str(dovecot.port("imaps"))}
    part = ended(client, start(client, "test", **server, mailbox="anna@firm.example", new_password=SECRET))
    assert 'id="look-now"' in part
    [address] = re.findall(r'<span hidden hx-post="([^"]*)" hx-trigger="load"', part)
    page = client.post(html.unescape(address), data=server, headers={**HTMX, **token_header(client)}).text
    assert tls(page) == (True, "Refused")
    assert SECRET not in part
