"""What Znuny signs in with by OAuth2 is taken over, sealed, and tried; accounts fetch with it at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oauth.support import TENANT, Tenant
from tests.results import Run
from tests.support import mail

MICROSOFT = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0"
SCOPES = "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access"


def requests_of(url: str, *, google: bool = False) -> dict[str, Any]:
    """The requests of a token configuration, as its templates have them."""
    authorize = "https://accounts.google.com/o/oauth2/v2/auth" if google else f"{url}/authorize"
    token = "https://oauth2.googleapis.com/token" if google else f"{url}/token"
    parameters = {"AutofilledParametersMapping": {"client_id": "ClientID"}, "Parameters": {"grant_type": "x"}}
    return {
        "AuthorizationCode": {"Request": {**parameters, "URL": authorize}},
        "TokenByAuthorizationCode": {"Request": {**parameters, "URL": token}},
        "TokenByRefreshToken": {"Request": {**parameters, "URL": token}},
    }


def config(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    """A token configuration for the app."""
    app = {"ClientID": tenant.app.client_id, "ClientSecret": tenant.app.secret, "Scope": SCOPES}
    return {"AuthFlow": "AuthorizationCode", **app, "Requests": requests_of(MICROSOFT), **changes}


def account(login: str, host: str, kind: str = "IMAPTLS", number: int = 1) -> dict[str, Any]:
    """A mail account that signs in with the token configuration 7."""
    row = {"id": number, "login": login, "pw": "-", "host": host, "account_type": kind, "queue_id": 0, "trusted": 0}
    return {**row, "valid_id": 1, "authentication_type": "oauth2_token", "oauth2_token_config_id": 7}


def dump(document: Any, refresh: str | None, *accounts: dict[str, Any]) -> str:
    """A dump of one configuration, its tokens, and the accounts that use it."""
    token = {"id": 3, "token_config_id": 7, "token": "stale", "token_expiration_date": "2026-01-01 00:00:00"}
    text = document if isinstance(document, str) else json.dumps(document)
    return json.dumps(
        {
            "oauth2_token_config": [{"id": 7, "name": "Office", "config": text, "valid_id": 1}],
            "oauth2_token": [{**token, "refresh_token": refresh}],
            "mail_account": accounts,
        }
    )


def take(run: Run, data: str, *options: str, code: int = 0) -> dict[str, Any]:
    """Import ``data``; returns the lines by their tables, and sees that no token and no secret is told."""
    result = run("import", "otrs", "-", "--json", *options, input=data)
    assert result.exit_code == code, result.stderr or result.stdout
    return {line["table"]: line for line in result.json_lines}


@pytest.fixture
def refresh(tenant: Tenant) -> str:
    """A refresh token that the other system holds."""
    before = set(tenant.identity._refresh)  # what only the provider knows
    tenant.add_credential(name="there")
    tenant.authorise("there")
    [token] = set(tenant.identity._refresh) - before
    return token


def test_tokens_are_taken_sealed_and_tried_and_the_account_fetches(
    run: Run, tenant: Tenant, refresh: str, data_dir: Path
) -> None:
    data = dump(config(tenant), refresh, account(tenant.mailbox, "outlook.office365.com"))
    lines = take(run, data)
    assert {table: line["taken"] for table, line in lines.items()} == dict.fromkeys(lines, "created")
    assert refresh not in tenant.identity._refresh  # it was spent, and another one is kept
    tenant.deliver(mail("hello"))
    assert tenant.desk.fetch_one()["new"] == 1
    shown = run("credential", "show", "Office", "--json").json
    assert (shown["kind"], shown["tenant"], shown["health"]) == ("oauth2-microsoft", TENANT, "healthy")
    secrets = (refresh, tenant.app.secret, *tenant.identity._refresh)
    stored = b"".join(file.read_bytes() for file in data_dir.iterdir() if file.is_file())
    for secret in filter(None, secrets):
        assert secret not in json.dumps(lines)
        assert secret.encode() not in stored


def test_a_second_run_changes_nothing_and_a_dry_run_spends_no_token(run: Run, tenant: Tenant, refresh: str) -> None:
    data = dump(config(tenant), refresh, account(tenant.mailbox, "outlook.office365.com"))
    take(run, data, "--dry-run")
    assert refresh in tenant.identity._refresh
    take(run, data)
    left = set(tenant.identity._refresh)
    again = take(run, data)
    assert {line["taken"] for line in again.values()} == {"unchanged"}
    assert set(tenant.identity._refresh) == left


def test_tokens_that_are_not_good_any_more_are_said_and_stop_nothing(run: Run, tenant: Tenant) -> None:
    data = dump(config(tenant), "refresh-of-last-year", account(tenant.mailbox, "outlook.office365.com"))
    lines = take(run, data, code=1)
    assert lines["mail_account"]["taken"] == "created"
    token = lines["oauth2_token"]
    assert (token["taken"], token["by_hand"]) == ("created", True)
    assert "Authorise it again" in token["detail"] or "authorise" in token["detail"].lower()
    assert "refresh-of-last-year" not in json.dumps(lines)


def test_gmail_becomes_a_google_credential_for_several_accounts(run: Run, tenant: Tenant, refresh: str) -> None:
    document = config(tenant, Requests=requests_of("", google=True), Scope="https://mail.google.com/")
    accounts = [
        account(tenant.mailbox, "localhost", "IMAPS", 1),
        account("other@gmail.example", "localhost", "IMAPS", 2),
    ]
    run("import", "otrs", "-", input=dump(document, refresh, *accounts))
    kinds = {line["name"]: (line["kind"], line["username"]) for line in run("credential", "list", "--json").json_lines}
    assert kinds["Office"] == ("oauth2-google", tenant.mailbox)
    assert kinds["Office (other@gmail.example)"] == ("oauth2-google", "other@gmail.example")
    used = [line["credential"] for line in run("account", "list", "--json").json_lines]
    assert used == ["Office", "Office (other@gmail.example)"]


def test_several_mailboxes_of_exchange_share_one_credential(run: Run, tenant: Tenant, refresh: str) -> None:
    hosts = ("outlook.office365.com", "outlook.office.com")
    accounts = [account(f"{place}@contoso.example", host, number=place) for place, host in enumerate(hosts, 1)]
    take(run, dump(config(tenant), refresh, *accounts))
    assert [line["credential"] for line in run("account", "list", "--json").json_lines] == ["Office", "Office"]


def test_an_account_of_microsoft_graph_is_taken_and_says_what_it_needs(run: Run, tenant: Tenant) -> None:
    document = config(tenant, Scope="https://graph.microsoft.com/Mail.ReadWrite offline_access")
    lines = take(run, dump(document, None, account("desk@contoso.example", "graph.microsoft.com", "MSGraph")), code=1)
    assert "IMAP.AccessAsUser.All" in lines["oauth2_token_config"]["detail"]
    assert "flask credential authorise 'Office'" in lines["oauth2_token_config"]["detail"]
    assert "Microsoft Graph fetched it there" in lines["mail_account"]["detail"]
    shown = run("account", "show", "desk@contoso.example", "--json").json
    assert (shown["type"], shown["credential"]) == ("Outlook365", "Office")


def test_an_app_that_signs_in_by_itself_needs_no_token(run: Run, tenant: Tenant) -> None:
    document = config(tenant, AuthFlow="ClientCredentials", Scope="https://outlook.office365.com/.default")
    document["Requests"] = {"TokenByClientCredentials": {"Request": {"URL": f"{MICROSOFT}/token"}}}
    lines = take(run, dump(document, None, account(tenant.mailbox, "outlook.office365.com")))
    assert lines["oauth2_token"]["taken"] == "passed-over"
    tenant.deliver(mail("hello"))
    assert tenant.desk.fetch_one()["new"] == 1


@pytest.mark.parametrize(
    ("document", "sentence"),
    [("", "cannot be read, or has no ClientID"), ("{]", "cannot be read"), ("--- {}", "has no ClientID")],
)
def test_a_configuration_that_cannot_be_read_is_left_out(
    run: Run, tenant: Tenant, document: str, sentence: str
) -> None:
    lines = take(run, dump(document, "x", account("a@b.example", "imap.example.net", "IMAPS")), code=1)
    assert sentence in lines["oauth2_token_config"]["detail"]
    assert (lines["oauth2_token"]["taken"], lines["mail_account"]["taken"]) == ("left-out", "created")


def test_yaml_is_read_as_well(run: Run, tenant: Tenant) -> None:
    document = (
        f"---\nAuthFlow: AuthorizationCode\nClientID: {tenant.app.client_id}\nClientSecret: 'it''s'\n"
        "Requests:\n  TokenByRefreshToken:\n    Request:\n      URL: https://id.example.net/token\n"
        "  AuthorizationCode:\n    Request:\n      URL: https://id.example.net/authorize\nScope: openid mail\n"
    )
    take(run, dump(document, None), code=1)
    shown = run("credential", "show", "Office", "--json").json
    assert (shown["kind"], shown["token_endpoint"], shown["scopes"]) == (
        "oauth2-generic",
        "https://id.example.net/token",
        "openid mail",
    )
