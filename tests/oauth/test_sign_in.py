"""Fetching with access tokens: every type, protocol, mechanism and grant, on a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.oauth.support import TENANT, Tenant
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates
from tests.servers.identity import IdentityServer
from tests.support import mails

TYPES = ("Outlook365", "IMAP", "IMAPS", "IMAPTLS", "POP3", "POP3S", "POP3TLS")


@pytest.fixture(scope="session")
def servers(
    certificates: Certificates, identity_server: IdentityServer, oauth_dovecot: Dovecot
) -> Iterator[dict[str, Dovecot]]:
    """A server for each mechanism: one that has only XOAUTH2, as Exchange, and one that has both."""
    identity = (identity_server.url, certificates.ca_file)
    settings = "\nauth_mechanisms = plain xoauth2\n"
    with Dovecot({"127.0.0.1": certificates.valid}, identity=identity, settings=settings) as exchange:
        yield {"XOAUTH2": exchange, "OAUTHBEARER": oauth_dovecot}


@pytest.mark.parametrize("kind", TYPES)
def test_mail_is_fetched_and_deleted_with_a_token(tenant: Tenant, kind: str) -> None:
    tenant.deliver(*mails(2))
    tenant.ready(kind)
    assert tenant.desk.fetch_one()["new"] == 2
    assert tenant.server.count(tenant.mailbox) == 0


@pytest.mark.parametrize(("type_", "mechanism", "grant"), [
    ("IMAPS", "XOAUTH2", "authorization-code"),
    ("POP3S", "XOAUTH2", "client-credentials"),
    ("IMAPS", "OAUTHBEARER", "client-credentials"),
    ("POP3S", "OAUTHBEARER", "authorization-code"),
])  # fmt: skip
def test_each_grant_signs_in_by_each_mechanism(
    tenant: Tenant, servers: dict[str, Dovecot], type_: str, mechanism: str, grant: str
) -> None:
    tenant.server = servers[mechanism]
    tenant.server.add_user(tenant.mailbox)
    tenant.deliver(*mails(1))
    tenant.add_credential(grant=grant)
    if grant == "authorization-code":
        tenant.authorise()
    tenant.add_account(type_)
    assert tenant.desk.fetch_one()["new"] == 1
    assert tenant.server.wait_for_log(rf"Login: user=<{re.escape(tenant.mailbox)}>, method={mechanism}")


def test_an_app_with_a_certificate_signs_in_without_a_secret(tenant: Tenant, certificates: Certificates) -> None:
    tenant.deliver(*mails(1))
    add_with_certificate(tenant, certificates)
    tenant.add_account()
    assert tenant.desk.fetch_one()["new"] == 1
    assert [told for told in tenant.identity.told if "client_secret" in told.form] == []


def test_clocks_that_differ_are_told(tenant: Tenant, certificates: Certificates) -> None:
    add_with_certificate(tenant, certificates)
    tenant.add_account()
    tenant.identity.skew = 3600
    error = tenant.desk.fetch_one(code=1)["error"]
    assert (error["code"], "clocks of this machine" in error["message"]) == ("client-refused", True)


@pytest.mark.parametrize("skew", [-7200, 7200])
def test_signing_in_needs_no_clocks_that_agree(tenant: Tenant, skew: float) -> None:
    tenant.deliver(*mails(1))
    tenant.identity.skew = skew
    tenant.ready()
    assert tenant.desk.fetch_one()["new"] == 1


def add_with_certificate(tenant: Tenant, certificates: Certificates) -> None:
    """Add an app-only credential with a certificate."""
    certificate = certificates.app
    pem = certificate.key_file.read_bytes() + certificate.cert_file.read_bytes()
    tenant.app.certificate, tenant.app.secret = certificate.cert_file.read_bytes(), ""
    words = (
        "--name",
        "cloud",
        "--client-id",
        tenant.app.client_id,
        "--tenant",
        TENANT,
        "--grant",
        "client-credentials",
    )
    tenant.desk.ok("credential", "add", "--kind", "oauth2-microsoft", *words, "--client-certificate-stdin", input=pem)


def test_an_account_that_was_never_authorised_is_skipped_and_says_so(tenant: Tenant) -> None:
    tenant.add_credential()
    account = tenant.add_account()
    assert tenant.health() == "needs-credential"
    assert tenant.desk.fetch_one()["skipped"] == 1
    result = tenant.desk.run("account", "test", account, "--json")
    [failed] = [stage for stage in result.json["stages"] if stage["state"] == "fail"]
    assert (failed["stage"], "never authorised" in failed["detail"]) == ("token", True)


@pytest.mark.parametrize("type_", ["Outlook365", "POP3S"])
def test_the_connection_test_has_the_stages_token_and_permission(tenant: Tenant, type_: str) -> None:
    account = tenant.ready(type_)
    stages = tenant.desk.ok("account", "test", account, "--json").json["stages"]
    names = ["dns", "connect", "tls", "token", "login", "permission", "folder", "delete"]
    assert [(stage["stage"], stage["state"]) for stage in stages] == [(name, "ok") for name in names]
    assert f"Signs in as {tenant.person} for mailbox {tenant.mailbox}." in stages[3]["detail"]


@pytest.mark.parametrize(("grant", "claims", "sentence"), [
    ("authorization-code", {"scp": "openid User.Read"}, "lacks the permission IMAP.AccessAsUser.All"),
    ("authorization-code", {"aud": "https://graph.microsoft.com"}, "issued for https://graph.microsoft.com"),
    ("client-credentials", {"roles": ["Mail.Read"]}, "lacks the permission IMAP.AccessAsApp; it has Mail.Read"),
])  # fmt: skip
def test_the_connection_test_names_what_can_be_seen_in_the_token(
    tenant: Tenant, grant: str, claims: dict[str, object], sentence: str
) -> None:
    tenant.identity.claims = claims
    tenant.add_credential(grant=grant)
    if grant == "authorization-code":
        tenant.authorise()
    account = tenant.add_account()
    stages = tenant.desk.run("account", "test", account, "--json").json["stages"]
    assert [stage["state"] for stage in stages[:5]] == ["ok", "ok", "ok", "fail", "skip"]
    assert sentence in stages[3]["detail"]
    assert "API permissions" in stages[3]["advice"] or "Scopes" in stages[3]["advice"]


@pytest.mark.parametrize(("code", "sentence"), [
    ("AADSTS7000215", "the client secret is wrong"),
    ("AADSTS7000222", "the client secret has expired"),
    ("AADSTS65001", "nobody has consented"),
])  # fmt: skip
def test_the_connection_test_names_what_the_provider_refuses(tenant: Tenant, code: str, sentence: str) -> None:
    tenant.add_credential(grant="client-credentials")
    account = tenant.add_account()
    tenant.identity.error = ("invalid_client", f"{code}: Words of Microsoft.")
    stages = tenant.desk.run("account", "test", account, "--json").json["stages"]
    assert [stage["state"] for stage in stages[:5]] == ["ok", "ok", "ok", "fail", "skip"]
    assert sentence in stages[3]["detail"]
    assert f"{code}: Words of Microsoft." in stages[3]["detail"]


def test_the_connection_test_lists_the_causes_that_exchange_does_not_tell_apart(tenant: Tenant) -> None:
    tenant.identity.own_mailbox = "another@example.org"
    tenant.add_credential(grant="client-credentials")
    account = tenant.add_account()
    stages = tenant.desk.run("account", "test", account, "--json").json["stages"]
    advice = next(stage["advice"] for stage in stages if stage["state"] == "fail")
    places = [advice.index(check) for check in ("Get-MailboxPermission", "Get-ServicePrincipal", "Get-CASMailbox")]
    assert places == sorted(places)
    assert [line[:4] for line in advice.splitlines()[1:]] == ["(1) ", "(2) ", "(3) ", "(4) ", "(5) "]
    assert tenant.mailbox in advice


# What may be entered


def test_outlook_takes_no_passwords(tenant: Tenant) -> None:
    name = tenant.desk.credential("somebody", "secret")
    account = ("--type", "Outlook365", "--address", tenant.mailbox, "--credential", name)
    result = tenant.desk.run("account", "add", *account)
    assert (result.exit_code, "Outlook365 takes no passwords" in result.stderr) == (2, True)


def test_an_account_with_a_host_needs_a_user_name_in_its_credential(tenant: Tenant) -> None:
    tenant.add_credential(username="")
    account = ("--type", "IMAPS", "--host", "localhost", "--credential", "cloud")
    assert "has no user name" in tenant.desk.run("account", "add", *account).stderr
    tenant.add_account()
    tenant.desk.ok("credential", "set", "cloud", "--username", "other@example.org")
    tenant.desk.ok("account", "add", *account)
    result = tenant.desk.run("credential", "set", "cloud", "--username", "")
    assert (result.exit_code, "account 2 (IMAPS on localhost) signs in with it" in result.stderr) == (2, True)


def test_outlook_and_imaps_accounts_on_one_mailbox_are_told_apart_from_no_other(tenant: Tenant) -> None:
    tenant.add_credential()
    tenant.add_account()
    account = ("account", "add", "--type", "IMAPS", "--credential", "cloud", "--host")
    assert "mailbox-taken" in tenant.desk.run(*account, "LOCALHOST").stderr
    tenant.desk.ok(*account, "mail.example.org")
