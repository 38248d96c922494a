"""Authorising in the browser: there and back, and everybody who comes back without having been sent."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from postmaster.accounts.models import Authorisation, CredentialToken
from postmaster.database import read_session, transaction
from postmaster.extensions import now
from postmaster.oauth import standard
from postmaster.operations.conditions import CONDITIONS
from tests.oauth.support import TENANT, Tenant, authorise, link_of, path_of, press_authorise
from tests.support import mails
from tests.web.conftest import add, signed_in
from tests.web.resource_support import fill, words


def tokens(app: Flask) -> int:
    """How many credentials are authorised."""
    with app.app_context(), read_session() as session:
        authorised = CredentialToken.authorised_at.is_not(None)
        return session.scalar(select(func.count()).where(authorised)) or 0


@pytest.mark.parametrize(
    ("kind", "type_"), [("oauth2-microsoft", "POP3S"), ("oauth2-google", "Outlook365"), ("oauth2-generic", "IMAPTLS")]
)
def test_each_kind_is_authorised_in_the_browser_and_fetches(
    tenant: Tenant, client: FlaskClient, kind: str, type_: str
) -> None:
    tenant.deliver(*mails(1))
    tenant.add_credential(kind)
    page = authorise(client, tenant)
    assert page.status_code == 200
    assert f"The credential “cloud” is authorised, and signs in as {tenant.person}." in words(page.text)
    tenant.add_account(type_)
    assert tenant.desk.fetch_one()["new"] == 1


def test_a_microsoft_credential_is_added_from_nothing_by_the_pages_alone(tenant: Tenant, client: FlaskClient) -> None:
    fields = {"name": "cloud", "tenant": TENANT, "client_id": tenant.app.client_id, "client_secret": tenant.app.secret}
    saved = fill(client, "/credentials/add?kind=oauth2-microsoft", **fields, then="stay")
    assert (saved.status_code, saved.location) == (303, "/credentials/1")
    assert "Yes, never authorised" in words(client.get("/credentials").text)
    authorise(client, tenant)
    assert "Yes, never authorised" not in words(client.get("/credentials").text)
    assert tenant.app.secret not in client.get("/credentials/1").text


def test_the_answer_to_the_button_is_a_plain_link_with_pkce_and_a_state(tenant: Tenant, client: FlaskClient) -> None:
    tenant.add_credential()
    response = press_authorise(client)
    asked = dict(parse_qsl(urlsplit(link_of(response.text)).query))
    assert response.status_code == 200
    assert asked["redirect_uri"] == "http://localhost/credentials/callback"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) >= 43
    assert "client_secret" not in asked


@pytest.mark.parametrize(("host", "resource"), [
    ("outlook.office365.com", "outlook.office.com"),
    ("outlook.office365.us", "outlook.office365.us"),
])  # fmt: skip
def test_the_permissions_that_are_asked_for_are_those_of_the_cloud(
    tenant: Tenant, app: Flask, client: FlaskClient, host: str, resource: str
) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], outlook_host=host)
    tenant.add_credential()
    asked = dict(parse_qsl(urlsplit(link_of(press_authorise(client).text)).query))["scope"].split()
    assert {f"https://{resource}/{protocol}.AccessAsUser.All" for protocol in ("IMAP", "POP")} < set(asked)
    assert "offline_access" in asked


def test_somebody_else_than_the_mailbox_may_sign_in_and_is_shown(tenant: Tenant, client: FlaskClient) -> None:
    tenant.add_credential()
    tenant.add_account()
    page = authorise(client, tenant)
    assert f"Signs in as {tenant.person} for mailbox {tenant.mailbox}." in words(page.text)


# Who comes back without having been sent


@pytest.mark.parametrize(
    "path", ["?state=forged&code=1", "?state=&code=1", "?state=%00%ff", "?state=x&error=access_denied"]
)
def test_a_state_that_was_never_given_out_is_refused_with_a_plain_page(
    tenant: Tenant, app: Flask, client: FlaskClient, path: str
) -> None:
    tenant.add_credential()
    response = client.get(f"/credentials/callback{path}")
    assert (response.status_code, tokens(app)) == (400, 0)
    assert "nothing was stored" in response.text
    assert tenant.identity.handed_out("authorization_code") == 0


def test_a_state_is_good_once(tenant: Tenant, app: Flask, client: FlaskClient) -> None:
    tenant.add_credential()
    link = link_of(press_authorise(client).text)
    first, second = (path_of(tenant.identity.sign_in(link, tenant.person)) for _ in range(2))
    assert client.get(first).status_code == 303
    for again in (first, second):
        assert client.get(again).status_code == 400
    assert tenant.identity.handed_out("authorization_code") == 1


def test_a_state_is_good_for_ten_minutes(tenant: Tenant, app: Flask, client: FlaskClient) -> None:
    tenant.add_credential()
    back = path_of(tenant.identity.sign_in(link_of(press_authorise(client).text), tenant.person))
    with time_machine.travel(now() + timedelta(minutes=11)):
        assert client.get(back).status_code == 400
    assert tokens(app) == 0


@pytest.mark.parametrize("who", ["admin", "berta"])
def test_a_state_is_good_only_for_the_user_and_the_browser_that_began(
    tenant: Tenant, app: Flask, client: FlaskClient, who: str
) -> None:
    if who == "berta":
        add(app, "berta")
    tenant.add_credential()
    back = path_of(tenant.identity.sign_in(link_of(press_authorise(client).text), tenant.person))
    assert signed_in(app, who).get(back).status_code == 400
    assert (client.get(back).status_code, tokens(app)) == (400, 0), "it is used up"


def test_nobody_who_is_not_an_admin_gets_through(
    tenant: Tenant, app: Flask, client: FlaskClient, lead: FlaskClient
) -> None:
    tenant.add_credential()
    back = path_of(tenant.identity.sign_in(link_of(press_authorise(client).text), tenant.person))
    assert lead.get(back).status_code == 403
    assert app.test_client().get(back).status_code == 302
    assert lead.post("/credentials/1/authorise").status_code in (400, 403)
    assert (tokens(app), client.get(back).status_code) == (0, 303)


def test_an_error_of_the_provider_is_told_in_plain_words_and_nothing_is_stored(
    tenant: Tenant, app: Flask, client: FlaskClient
) -> None:
    tenant.add_credential()
    asked = dict(parse_qsl(urlsplit(link_of(press_authorise(client).text)).query))
    said = "error=access_denied&error_description=AADSTS65004%3A+<script>alert(1)</script>"
    response = client.get(f"/credentials/callback?{said}&state={asked['state']}")
    assert (response.status_code, tokens(app)) == (400, 0)
    assert "the consent was declined" in response.text
    assert "<script>alert" not in response.text


def test_a_code_that_the_provider_does_not_take_stores_nothing(tenant: Tenant, app: Flask, client: FlaskClient) -> None:
    tenant.add_credential()
    asked = dict(parse_qsl(urlsplit(link_of(press_authorise(client).text)).query))
    response = client.get(f"/credentials/callback?code=made-up&state={asked['state']}")
    assert (response.status_code, tokens(app)) == (400, 0)


def test_opening_the_way_back_by_hand_leads_to_the_list(client: FlaskClient) -> None:
    assert client.get("/credentials/callback").location == "/credentials"


def test_ways_that_nobody_came_back_on_are_forgotten(tenant: Tenant, app: Flask, client: FlaskClient) -> None:
    tenant.add_credential()
    press_authorise(client)
    with app.app_context(), transaction() as session:
        session.scalars(select(Authorisation)).one().expires_at = now() - timedelta(seconds=1)
    press_authorise(client)
    with app.app_context(), read_session() as session:
        assert session.scalar(select(func.count()).select_from(Authorisation)) == 1


def test_a_provider_that_is_away_is_told_where_the_button_was(tenant: Tenant, client: FlaskClient) -> None:
    tenant.add_credential()
    tenant.identity.mode = "down"
    response = press_authorise(client)
    assert response.status_code == 303
    assert "hands out no tokens at the moment" in client.get(response.location).text


def test_trying_an_app_that_signs_in_by_itself_shows_whether_it_works(tenant: Tenant, client: FlaskClient) -> None:
    tenant.add_credential(grant="client-credentials")
    tenant.identity.error = ("invalid_client", "AADSTS7000215: Invalid client secret provided.")
    press_authorise(client)
    assert "the client secret is wrong" in words(client.get("/credentials/1").text)
    assert tenant.health("credential") == "needs-update"
    tenant.identity.error = None
    press_authorise(client)
    assert "The credential “cloud” is authorised" in words(client.get("/credentials/1").text)
    assert tenant.health("credential") == "healthy"


# The command line


def test_without_a_device_endpoint_an_address_is_printed_that_ends_at_the_pages(
    tenant: Tenant, app: Flask, client: FlaskClient
) -> None:
    tenant.add_credential("oauth2-google")
    late, back = (path_of(tenant.identity.sign_in(printed_address(tenant), tenant.person)) for _ in range(2))
    assert (client.get(back).status_code, tokens(app)) == (303, 1)
    assert client.get(back).status_code == 400
    with time_machine.travel(now() + timedelta(minutes=11)):
        assert client.get(late).status_code == 400
    assert tenant.identity.handed_out("authorization_code") == 1


def printed_address(tenant: Tenant) -> str:
    """Where ``flask credential authorise`` has somebody sign in."""
    words, address = tenant.desk.ok("credential", "authorise", "cloud").stdout.splitlines()
    assert "within 10 minutes" in words
    return address


@pytest.mark.parametrize("kind", ["oauth2-microsoft", "oauth2-generic"])
def test_a_device_code_is_shown_and_waited_for_until_somebody_has_entered_it(
    tenant: Tenant, app: Flask, environ: dict[str, str], kind: str
) -> None:
    tenant.add_credential(kind)
    command = [sys.executable, "-m", "flask", "--app", "postmaster", "credential", "authorise", "cloud"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        shown = waiting.stdout.readline()
        assert f"Open {tenant.identity.url}/enter on any device" in shown
        assert tokens(app) == 0
        tenant.identity.enter_device_code(shown.split()[-1], tenant.person)
        assert waiting.wait(30) == 0
        assert f"is authorised, signs in as {tenant.person}." in waiting.stdout.read()
    assert tokens(app) == 1


def test_a_provider_that_wants_to_be_asked_less_often_is(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(standard.time, "sleep", waited.append)
    tenant.add_credential("oauth2-generic")
    tenant.identity.hesitation = ["authorization_pending", "slow_down", "authorization_pending"]
    tenant.authorise()
    assert waited.count(standard.DEVICE_INTERVAL) == 1


@pytest.mark.parametrize(("error", "sentence"), [
    ("expired_token", "nobody entered the code in time"),
    ("authorization_declined", "the consent was declined"),
])  # fmt: skip
def test_a_device_code_that_leads_nowhere_says_why(tenant: Tenant, error: str, sentence: str) -> None:
    tenant.add_credential()
    tenant.identity.hesitation = [error]
    result = tenant.desk.run("credential", "authorise", "cloud")
    assert (result.exit_code, sentence in result.stderr) == (1, True)
    assert tenant.health("credential") == "needs-authorisation"


def test_a_device_code_that_the_app_may_not_ask_for_says_which_switch_is_missing(tenant: Tenant) -> None:
    tenant.app.public = False
    tenant.add_credential()
    result = tenant.desk.run("credential", "authorise", "cloud")
    assert (result.exit_code, "Allow public client flows" in result.stderr) == (1, True)


def test_a_password_is_nothing_to_authorise(tenant: Tenant, client: FlaskClient) -> None:
    name = tenant.desk.credential("somebody", "secret")
    assert "which nobody authorises" in tenant.desk.run("credential", "authorise", name).stderr
    assert "which nobody authorises" in client.get(press_authorise(client).location).text


# What is said of it


def test_what_needs_an_update_is_said_in_the_list_on_its_page_and_by_its_accounts(
    tenant: Tenant, client: FlaskClient
) -> None:
    tenant.ready()
    tenant.identity.revoke(tenant.person)
    tenant.desk.fetch(code=1)
    for path in ("/credentials", "/credentials/1"):
        text = words(client.get(path).text)
        assert "Microsoft ended the authorisation of “cloud”: the refresh token has expired." in text
        assert "Authorise the credential again." in text
    for path in ("/accounts", "/accounts/1/status"):
        text = words(client.get(path).text)
        assert "Credential needs update" in text
        assert "Microsoft ended the authorisation of “cloud”: the refresh token has expired." in text
    assert "Microsoft said: AADSTS70008: The refresh token has expired." in words(client.get("/credentials/1").text)
    authorise(client, tenant)
    assert "Microsoft ended" not in words(client.get("/credentials").text)


@pytest.mark.parametrize(("days", "word", "sentence"), [(29, "soon", "expires on"), (-1, "expired", "expired on")])
def test_the_end_of_a_client_secret_is_told_by_each_account_although_they_are_fetched_on(
    tenant: Tenant, client: FlaskClient, days: int, word: str, sentence: str
) -> None:
    tenant.ready()
    end = (now().date() + timedelta(days=days)).isoformat()
    tenant.desk.ok("credential", "set", "cloud", "--secret-expires", end)
    assert (word in tenant.health("credential"), tenant.health()) == (True, "never")
    assert end in tenant.desk.ok("credential", "list").stdout
    for path in ("/credentials", "/credentials/1", "/accounts", "/accounts/1/status"):
        assert f"The client secret of “cloud” {sentence} {end}. Make a new one" in words(client.get(path).text), path
    tenant.desk.ok("credential", "set", "cloud", "--secret-expires", (now() + timedelta(days=31)).date().isoformat())
    assert "The client secret of" not in words(client.get("/accounts").text)


def test_an_account_says_that_its_credential_was_never_authorised(tenant: Tenant, client: FlaskClient) -> None:
    tenant.add_credential()
    tenant.add_account()
    for path in ("/accounts", "/accounts/1/status"):
        assert "The credential “cloud” was never authorised. Open the credential" in words(client.get(path).text)


def test_the_way_to_the_provider_names_the_mailbox_and_what_to_do_about_its_error_codes(
    tenant: Tenant, client: FlaskClient
) -> None:
    tenant.add_credential(username="")
    tenant.add_account()
    page = press_authorise(client).text
    assert f"as somebody who may open it: {tenant.mailbox} . A shared mailbox cannot sign in." in words(page)
    assert "It leads back to http://localhost , which has to be where you see this" in words(page)
    assert 'href="/help/providers"' in page
    text = words(client.get("/help/providers").text)
    assert "AADSTS50011 The redirect URI is not registered." in text
    assert "Google access_denied The consent was declined, or the user is not a test user." in text


@pytest.mark.parametrize(("public", "kind", "taken"), [
    ("https://desk.example.com", "oauth2-microsoft", True),
    ("http://localhost:5000", "oauth2-microsoft", True),
    ("http://127.0.0.1:5000", "oauth2-microsoft", False),
    ("http://127.0.0.1:5000", "oauth2-google", True),
    ("http://desk.example.com", "oauth2-google", False),
    ("http://desk.example.com", "oauth2-generic", True),
])  # fmt: skip
def test_a_redirect_uri_that_the_provider_does_not_take_is_told_before_it_is_copied(
    app: Flask, client: FlaskClient, public: str, kind: str, taken: bool
) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], public_url=public)
    text = words(client.get(f"/credentials/add?kind={kind}").text)
    assert f"{public}/credentials/callback" in text
    assert ("does not take this address" in text) is not taken
    assert ("open these pages at http://localhost:5000/ instead" in text) is (not taken and "127.0.0.1" in public)


def test_the_powershell_lines_are_those_of_the_national_cloud(tenant: Tenant, app: Flask, client: FlaskClient) -> None:
    tenant.add_credential(grant="client-credentials")
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], outlook_host="partner.outlook.cn")
    text = words(client.get("/credentials/1").text)
    assert f"Connect-ExchangeOnline -ExchangeEnvironmentName O365China -Organization '{TENANT}'" in text
    assert "Connect-MgGraph -Environment China -Scopes Application.Read.All" in text


def test_the_powershell_lines_are_filled_in(tenant: Tenant, client: FlaskClient) -> None:
    tenant.add_credential(grant="client-credentials")
    tenant.add_account()
    page = words(client.get("/credentials/1").text)
    assert f"$app = '{tenant.app.client_id}'" in page
    assert "Get-MgServicePrincipal -Filter" in page
    assert f"Connect-ExchangeOnline -Organization '{TENANT}'" in page
    assert f"Add-MailboxPermission -Identity '{tenant.mailbox}' -User $id -AccessRights FullAccess" in page
    tenant.identity.claims = {"oid": "c0ffee00-1111-2222-3333-444455556666"}
    press_authorise(client)
    assert "$id = 'c0ffee00-1111-2222-3333-444455556666'" in words(client.get("/credentials/1").text)


@pytest.mark.parametrize(("kind", "word"), [
    ("oauth2-microsoft", "IMAP.AccessAsUser.All"),
    ("oauth2-microsoft", "For “flask credential authorise” switch on “Allow public client flows”"),
    ("oauth2-google", "https://mail.google.com/"),
    ("oauth2-google", "each authorisation ends after 7 days"),
    ("oauth2-generic", "PKCE (S256)"),
])  # fmt: skip
def test_the_page_says_what_to_do_at_the_provider_with_the_redirect_uri(
    client: FlaskClient, tenant: Tenant, kind: str, word: str
) -> None:
    text = words(client.get(f"/credentials/add?kind={kind}").text)
    assert "http://localhost/credentials/callback" in text
    assert word in text


def troubles(app: Flask) -> list[str]:
    """What the alerts have to say of credentials."""
    [condition] = [condition for condition in CONDITIONS if condition.name == "credential"]
    with app.app_context(), read_session() as session:
        return [trouble.sentence for trouble in condition.find(session, now()) or ()]


def test_a_credential_that_needs_an_update_raises_an_alert_until_it_is_authorised(tenant: Tenant, app: Flask) -> None:
    tenant.add_credential()
    assert troubles(app) == [], "nothing uses it yet"
    tenant.add_account()
    assert troubles(app) == ["The credential “cloud” was never authorised. Open the credential and choose Authorise."]
    tenant.authorise()
    assert troubles(app) == []
    tenant.identity.revoke(tenant.person)
    tenant.desk.fetch(code=1)
    assert "Microsoft ended the authorisation of “cloud”" in troubles(app)[0]
    tenant.authorise()
    end = (now().date() + timedelta(days=10)).isoformat()
    tenant.desk.ok("credential", "set", "cloud", "--secret-expires", end)
    assert f"expires on {end}" in troubles(app)[0]
