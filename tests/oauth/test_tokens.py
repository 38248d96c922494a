"""Tokens are renewed ahead of their end, once for all workers, and never lost; what goes wrong is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from postmaster import create_app
from postmaster.accounts.models import CredentialToken
from postmaster.accounts.sealing import seal, unseal
from postmaster.accounts.types import Protocol
from postmaster.config import load_environment
from postmaster.database import read_session, transaction
from postmaster.errors import MailError
from postmaster.extensions import now
from postmaster.ledger.models import FetchRun
from postmaster.oauth import http, vault
from postmaster.oauth.tokens import StoredTokens, access_token
from tests.oauth.support import Tenant
from tests.results import runner_of
from tests.servers.identity import IdentityServer
from tests.servers.ports import wait_until
from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy
from tests.support import Desk, mails

KINDS = ("oauth2-microsoft", "oauth2-generic")


def stored(app: Flask) -> tuple[str, str]:
    """The access and the refresh token that are there."""
    with app.app_context(), read_session() as session:
        token = session.get_one(CredentialToken, 1)
        return tuple(unseal(text) if text else "" for text in (token.sealed_access, token.sealed_refresh))


def age(app: Flask, **times: timedelta) -> None:
    """Change when the access token ends, as ``renew_at`` and ``expires_at`` say."""
    with app.app_context(), transaction() as session:
        token = session.get_one(CredentialToken, 1)
        for name, ahead in times.items():
            setattr(token, name, now() + ahead)


def worn(app: Flask) -> None:
    """Make the access token due for renewal, though it still works."""
    age(app, renew_at=-timedelta(seconds=1), expires_at=timedelta(minutes=4))


def ended(app: Flask) -> None:
    """Expire the access token."""
    age(app, renew_at=-timedelta(minutes=6), expires_at=-timedelta(minutes=1))


def failure(app: Flask, refused: str = "") -> MailError:
    with app.app_context(), pytest.raises(MailError) as caught:
        access_token(1, refused)
    assert caught.value.stage == "token"
    assert caught.value.advice
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_an_access_token_is_used_until_it_is_time_to_renew_it(tenant: Tenant, app: Flask, kind: str) -> None:
    tenant.add_credential(kind)
    tenant.authorise()
    tenant.add_account("IMAPS")
    for _ in range(2):
        tenant.desk.fetch_one()
    assert tenant.identity.handed_out("refresh_token") == 0
    before = stored(app)
    worn(app)
    tenant.desk.fetch_one()
    assert tenant.identity.handed_out("refresh_token") == 1
    after = stored(app)
    assert before[0] != after[0]
    assert before[1] != after[1], "the refresh token was rotated"


@pytest.mark.parametrize("seconds", [3600, -5])
def test_an_access_token_is_renewed_ahead_of_its_end_however_short_it_lasts(
    tenant: Tenant, app: Flask, seconds: int
) -> None:
    tenant.identity.seconds = seconds
    tenant.add_credential()
    tenant.authorise()
    with app.app_context(), read_session() as session:
        token = session.get_one(CredentialToken, 1)
        assert token.renew_at is not None
        assert token.expires_at is not None
        assert token.renew_at <= token.expires_at - timedelta(seconds=max(0, seconds / 20))
        assert abs(token.expires_at - now() - timedelta(seconds=max(0, seconds))) < timedelta(seconds=5)


def test_a_provider_that_gives_no_new_refresh_token_leaves_the_old_one_in_use(tenant: Tenant, app: Flask) -> None:
    tenant.ready()
    before = stored(app)[1]
    tenant.identity.with_refresh = False
    worn(app)
    tenant.desk.fetch_one()
    assert stored(app)[1] == before


def test_a_token_that_the_mail_server_refuses_is_renewed_once(tenant: Tenant) -> None:
    tenant.deliver(*mails(1))
    tenant.ready()
    tenant.identity.end_access()
    assert tenant.desk.fetch_one()["new"] == 1
    assert tenant.identity.handed_out("refresh_token") == 1


def test_a_token_that_is_refused_again_is_no_wrong_password_and_pauses_after_a_day_only(
    tenant: Tenant, app: Flask
) -> None:
    tenant.ready()
    tenant.identity.people[tenant.person] = "somebody.else@example.org"
    error = tenant.desk.fetch_one(code=1)["error"]
    assert (error["code"], error["stage"]) == ("token-refused", "login")
    assert "(1)" in error["advice"]
    assert tenant.identity.handed_out("refresh_token") == 1
    assert tenant.health() == "failing"
    with app.app_context(), transaction() as session:
        session.execute(update(FetchRun).values(started_at=now() - timedelta(hours=25)))
    tenant.desk.fetch_one(code=1)
    assert tenant.health() == "paused"
    assert tenant.desk.fetch_one()["skipped"] == 1
    tenant.identity.people[tenant.person] = tenant.mailbox
    tenant.authorise()
    assert tenant.health() == "failing"
    assert tenant.desk.fetch_one()["error"] is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_that_is_asked_too_often_is_asked_again_when_it_says_so(
    tenant: Tenant, app: Flask, kind: str, status: int
) -> None:
    tenant.add_credential(kind)
    tenant.authorise()
    ended(app)
    tenant.identity.busy = status
    error = failure(app)
    assert (error.code, error.retry_after) == ("provider-unavailable", 1234)
    tenant.identity.busy = 0
    with app.app_context():
        assert access_token(1)


@pytest.mark.parametrize("said", [
    ("slow_down", ""), ("temporarily_unavailable", ""), ("server_error", ""), ("internal_failure", ""),
    ("invalid_grant", "AADSTS90024: RequestBudgetExceededError - A transient error has occurred."),
    ("invalid_grant", "AADSTS80007: An internal error occurred while validating the password."),
    ("invalid_grant", "AADSTS50196: The server terminated an operation because of a loop."),
    ("invalid_request", "AADSTS90033: A transient error has occurred."),
    ("invalid_client", "AADSTS50000: There was an error issuing a token."),
])  # fmt: skip
def test_an_error_that_passes_by_itself_needs_nobody(tenant: Tenant, app: Flask, said: tuple[str, str]) -> None:
    tenant.ready()
    ended(app)
    tenant.identity.error = said
    assert tenant.desk.fetch_one(code=1)["error"]["code"] == "provider-unavailable"
    assert tenant.health() == "failing"
    tenant.identity.error = None
    assert tenant.desk.fetch_one()["error"] is None


def test_a_secret_of_any_characters_is_shown_in_the_header_or_in_the_form(tenant: Tenant, app: Flask) -> None:
    tenant.app.secret = "p+s %41:ü&="
    tenant.add_credential("oauth2-generic")
    for tenant.identity.form_only in (False, True):
        tenant.authorise()
        ended(app)
        with app.app_context():
            assert access_token(1)


def test_a_provider_is_asked_through_the_proxy_of_the_environment(
    tenant: Tenant, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Zammad does (zammad/zammad#3839)."""
    tenant.add_credential("oauth2-generic")
    tenant.authorise()
    ended(app)
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "example.org")
        with app.app_context():
            assert access_token(1)
        assert proxy.asked == [tenant.identity.url.rpartition("/")[2]]
        ended(app)
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
        with app.app_context():
            assert access_token(1)
        assert len(proxy.asked) == 1


def test_an_app_signs_in_by_itself_and_anew_whenever_its_token_ends(tenant: Tenant, app: Flask) -> None:
    tenant.deliver(*mails(1))
    tenant.add_credential(grant="client-credentials")
    tenant.add_account()
    assert tenant.health() == "never"
    assert tenant.desk.fetch_one()["new"] == 1
    tenant.desk.fetch_one()
    assert tenant.identity.handed_out("client_credentials") == 1
    ended(app)
    tenant.desk.fetch_one()
    assert tenant.identity.handed_out("client_credentials") == 2


# Several workers


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_workers_that_need_a_token_at_once_renew_it_once_and_all_go_on(
    environ: dict[str, str], identity: IdentityServer, postgres: Postgres, tenant: Tenant, app: Flask, database: str
) -> None:
    if database == "postgresql":
        environ = {**environ, "POSTMASTER_DATABASE_URL": postgres.copy_database()}
        app = create_app(load_environment(environ))
        tenant.desk = Desk(runner_of(app))
    tenant.add_credential()
    tenant.authorise()
    ended(app)
    identity.pause = 0.3
    workers = [create_app(load_environment(environ)) for _ in range(4)]
    tokens: list[str] = []
    threads = [threading.Thread(target=_work, args=(worker, tokens)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tokens == [stored(app)[0]] * 4
    assert identity.handed_out("refresh_token") == 1
    ended(app)
    _work(app, tokens)
    assert len(tokens) == 5, "the refresh token that was stored is the last one handed out"


def _work(app: Flask, tokens: list[str]) -> None:
    with app.app_context():
        tokens.append(access_token(1))


def test_processes_that_fetch_at_once_with_a_token_that_has_ended_both_succeed(
    tenant: Tenant, app: Flask, environ: dict[str, str]
) -> None:
    for folder in ("INBOX", "Archive"):
        tenant.server.deliver_many(tenant.mailbox, mails(1), folder)
    accounts = [tenant.ready(), tenant.add_account("IMAPS", folder="Archive")]
    ended(app)
    tenant.identity.pause = 0.5
    command = [sys.executable, "-m", "flask", "--app", "postmaster", "fetch", "--account"]
    both = [subprocess.Popen([*command, account], env=environ, stdout=subprocess.DEVNULL) for account in accounts]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(tenant.desk.tickets()) == 2
    ended(app)
    tenant.desk.fetch()
    assert tenant.identity.handed_out("refresh_token") == 2, "each time one was spent, and the next one was kept"


def test_a_worker_that_died_while_it_renewed_keeps_the_others_waiting_for_a_while_only(
    tenant: Tenant, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.add_credential()
    tenant.authorise()
    ended(app)
    monkeypatch.setattr(vault, "CLAIM_SECONDS", 1)
    with app.app_context():
        assert vault.claim(vault.open_vault(1))
        assert access_token(1)
    assert tenant.identity.handed_out("refresh_token") == 1


def test_an_authorisation_while_tokens_are_renewed_is_not_overwritten(tenant: Tenant, app: Flask) -> None:
    tenant.add_credential()
    tenant.authorise()
    ended(app)
    tenant.identity.pause = 0.5
    tokens: list[str] = []
    thread = threading.Thread(target=_work, args=(app, tokens))
    thread.start()
    wait_until(lambda: tenant.identity.handed_out("refresh_token") == 1, "the renewal")
    tenant.identity.pause = 0
    tenant.authorise()
    authorised = stored(app)
    thread.join()
    assert stored(app) == authorised
    assert tokens


# What goes wrong


MICROSOFT, GENERIC = KINDS
MOODS = [
    ("down", MICROSOFT, "provider-unavailable"),
    ("down", GENERIC, "provider-unavailable"),
    ("silent", MICROSOFT, "provider-slow"),
    ("slow", GENERIC, "provider-slow"),
    ("garbage", MICROSOFT, "provider-confused"),
    ("garbage", GENERIC, "provider-confused"),
    ("flood", MICROSOFT, "provider-confused"),
    ("redirect", GENERIC, "provider-confused"),
]


@pytest.mark.parametrize(("mood", "kind", "code"), MOODS)
def test_a_provider_that_fails_is_told_and_harms_neither_token_nor_credential(
    tenant: Tenant, app: Flask, monkeypatch: pytest.MonkeyPatch, mood: str, kind: str, code: str
) -> None:
    tenant.add_credential(kind)
    tenant.authorise()
    before = stored(app)
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.5)
    tenant.identity.mode = mood
    worn(app)
    with app.app_context():
        assert access_token(1) == before[0], "the token that is there still works"
    ended(app)
    assert failure(app).code == code
    assert stored(app) == before
    assert tenant.health("credential") == "healthy"
    tenant.identity.mode = ""
    monkeypatch.undo()
    with app.app_context():
        assert access_token(1) != before[0]


def test_a_provider_that_is_not_there_is_told(tenant: Tenant, app: Flask) -> None:
    endpoints = {"token_endpoint": "https://localhost:1/token"}
    tenant.add_credential("oauth2-generic", grant="client-credentials", **endpoints)
    error = failure(app)
    assert (error.code, "localhost:1" in error.message) == ("provider-unreachable", True)


def test_a_provider_that_nobody_vouches_for_gets_no_secret(environ: dict[str, str], tenant: Tenant) -> None:
    tenant.add_credential(grant="client-credentials")
    distrustful = create_app(load_environment({**environ, "POSTMASTER_CA_FILE": ""}))
    assert failure(distrustful).code == "provider-certificate"
    assert tenant.identity.told == []


REFUSALS = {
    "secret expired": ("invalid_client", "AADSTS7000222: The provided client secret keys are expired.",
                       "client-refused", "the client secret has expired"),
    "secret wrong": ("invalid_client", "AADSTS7000215: Invalid client secret.", "client-refused", "secret is wrong"),
    "no consent": ("invalid_grant", "AADSTS65001: Not consented.", "consent-missing", "nobody has consented"),
    "revoked": ("invalid_grant", "AADSTS50173: The provided grant has expired.", "authorisation-ended", "was revoked"),
    "unused": ("invalid_grant", "AADSTS700082: The refresh token has expired.", "authorisation-ended", "90 days"),
    "standard": ("invalid_grant", "", "authorisation-ended", "revoked, or has expired"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "words", "code", "sentence"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_says_what_happened_and_the_credential_needs_an_update(
    tenant: Tenant, app: Flask, error: str, words: str, code: str, sentence: str
) -> None:
    tenant.ready()
    tenant.identity.error = (error, words)
    ended(app)
    row = tenant.desk.fetch_one(code=1)
    assert (row["error"]["code"], row["error"]["stage"]) == (code, "token")
    assert sentence in row["error"]["message"]
    assert row["error"]["server"] == (words or error)
    assert (tenant.health(), tenant.health("credential")) == ("needs-update", "needs-update")
    skipped = tenant.desk.fetch_one()
    assert (skipped["skipped"], "authorised again" in skipped["skipped_reason"]) == (1, True)


COMMON = (
    *("50011", "50020", "50034", "50053", "50055", "50057", "50076", "50079", "50105", "50126", "50158", "50173"),
    *("50194", "53003", "65001", "65004", "70000", "70008", "70043", "90002", "90094", "500011", "650057", "700016"),
    *("700024", "700027", "700082", "7000215", "7000218", "7000222", "9002327"),
)
COMMON_AT_GOOGLE = ("invalid_grant", "invalid_client", "unauthorized_client", "access_denied", "invalid_scope")


def test_the_commonest_codes_of_microsoft_and_google_are_told_in_plain_words(tenant: Tenant, app: Flask) -> None:
    for kind, name in ((MICROSOFT, "at-microsoft"), ("oauth2-google", "at-google")):
        tenant.add_credential(kind, name)
    give_tokens(app, 1, 2)
    said = [(1, ("invalid_grant", f"AADSTS{code}: Words of Microsoft.")) for code in COMMON]
    said += [(2, (code, "Words of Google.")) for code in COMMON_AT_GOOGLE]
    told = {}
    for number, tenant.identity.error in said:
        with app.app_context(), pytest.raises(MailError) as caught:
            access_token(number)
        error = caught.value
        assert error.server == tenant.identity.error[1]
        assert "it says" not in error.message
        assert error.advice
        told[tenant.identity.error] = error.message + error.advice
    assert "the redirect URI is not registered" in told["invalid_grant", "AADSTS50011: Words of Microsoft."]
    assert "publish the app" in told["invalid_grant", "Words of Google."]
    assert len(set(told.values())) > len(said) - 4, "few have the same meaning"


def give_tokens(app: Flask, *numbers: int) -> None:
    """Authorise the credentials, with a token that has expired."""
    with app.app_context(), transaction() as session:
        for number in numbers:
            past = now() - timedelta(hours=1)
            tokens = {"sealed_access": seal("ended"), "sealed_refresh": seal("to-be-refused")}
            times = dict.fromkeys(("authorised_at", "renew_at", "expires_at"), past)
            session.add(CredentialToken(credential_id=number, **tokens, **times))


def test_a_national_cloud_is_asked_for_its_own_permissions_and_its_tokens_are_known(
    environ: dict[str, str], tenant: Tenant
) -> None:
    china = create_app(load_environment({**environ, "POSTMASTER_OUTLOOK_HOST": "partner.outlook.cn"}))
    tenant.add_credential(grant="client-credentials")
    tenant.identity.claims = {"aud": "https://partner.outlook.cn"}
    with china.app_context():
        source = StoredTokens(1, Protocol.IMAP, tenant.mailbox)
        assert "The app itself signs in" in source.describe(source.get())
    assert tenant.identity.told[-1].form["scope"] == "https://partner.outlook.cn/.default"


def test_an_error_that_nobody_knows_is_tried_again_and_needs_nobody_yet(tenant: Tenant, app: Flask) -> None:
    tenant.ready()
    ended(app)
    tenant.identity.error = ("odd_error", "Something odd happened.")
    error = tenant.desk.fetch_one(code=1)["error"]
    assert (error["code"], error["server"]) == ("provider-refused", "Something odd happened.")
    assert "it says odd_error" in error["message"]
    assert tenant.health() == "failing"


def test_an_error_that_passes_harms_nothing(tenant: Tenant, app: Flask) -> None:
    tenant.ready()
    tenant.identity.error = ("temporarily_unavailable", "AADSTS90033: A transient error has occurred.")
    ended(app)
    assert tenant.desk.fetch_one(code=1)["error"]["code"] == "provider-unavailable"
    assert tenant.health("credential") == "healthy"


def test_revoked_consent_is_seen_and_authorising_again_mends_it_by_itself(tenant: Tenant) -> None:
    tenant.deliver(*mails(1))
    tenant.ready()
    tenant.identity.revoke(tenant.person)
    assert tenant.desk.fetch_one(code=1)["error"]["code"] == "authorisation-ended"
    assert tenant.health() == "needs-update"
    tenant.authorise()
    assert tenant.desk.fetch_one()["new"] == 1
    assert tenant.health() == "healthy"


def test_an_account_named_is_tried_though_its_credential_needs_an_update(tenant: Tenant, app: Flask) -> None:
    account = tenant.ready()
    tenant.identity.error = ("invalid_grant", "AADSTS65001: no consent")
    ended(app)
    tenant.desk.fetch(code=1)
    tenant.identity.error = None
    assert tenant.desk.fetch_one("--account", account)["error"] is None
    assert tenant.health() == "healthy"


def test_a_new_client_secret_has_the_credential_tried_again(tenant: Tenant) -> None:
    tenant.add_credential(grant="client-credentials")
    tenant.add_account()
    secret, tenant.app.secret = tenant.app.secret, "another-secret"
    assert tenant.desk.fetch_one(code=1)["error"]["code"] == "client-refused"
    assert tenant.health() == "needs-update"
    tenant.app.secret = secret
    tenant.desk.ok("credential", "set", "cloud", "--client-secret-stdin", input=secret)
    assert tenant.desk.fetch_one()["error"] is None


def test_scopes_that_were_not_granted_are_named(tenant: Tenant) -> None:
    tenant.identity.granted = ["https://localhost/POP.AccessAsUser.All"]
    tenant.add_credential()
    tenant.identity.eager = tenant.person
    result = tenant.desk.ok("credential", "authorise", "cloud")
    assert "does not cover: https://localhost/IMAP.AccessAsUser.All" in result.stderr
    assert tenant.health("credential") == "needs-update"


def test_changing_what_tokens_were_given_for_takes_the_authorisation_back(tenant: Tenant) -> None:
    tenant.ready()
    tenant.desk.ok("credential", "set", "cloud", "--comment", "still authorised")
    assert tenant.health() == "never"
    tenant.desk.ok("credential", "set", "cloud", "--tenant", "contoso.example")
    assert (tenant.health(), tenant.health("credential")) == ("needs-credential", "needs-authorisation")
