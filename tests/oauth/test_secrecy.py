"""Nothing that opens a mailbox is ever written down in the clear: not in files, not in logs, not in what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster.logs import configure_logging
from tests.oauth.support import Tenant, authorise
from tests.servers.dovecot import PASSWORD
from tests.support import mails


def test_files_logs_and_output_hold_no_token_password_or_secret(
    tenant: Tenant,
    client: FlaskClient,
    app: Flask,
    data_dir: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure_logging("human")  # to the standard error that is captured here
    pages = live_through_everything(tenant, client, monkeypatch)
    written = {str(file): file.read_bytes() for file in data_dir.rglob("*") if file.is_file()}
    out, err = capfd.readouterr()
    written |= {"output": out.encode(), "log": err.encode(), "pages": "".join(pages).encode()}
    assert "fetch failed" in err, "the log was written to"
    secrets = tenant.identity.secrets() | {PASSWORD, "a basic password"}
    assert len(secrets) > 10
    assert [(name, secret) for name, data in written.items() for secret in secrets if secret.encode() in data] == []


def live_through_everything(tenant: Tenant, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that happens to credentials, for better and for worse; returns the pages that were shown."""
    tenant.deliver(*mails(1))
    tenant.desk.credential("somebody", "a basic password")
    tenant.add_credential("oauth2-generic", "generic")
    tenant.add_credential(name="browser")
    tenant.authorise("generic")
    pages = [authorise(client, tenant, number=3).text]
    accounts = [tenant.add_account(name="browser"), tenant.add_account("POP3S", "generic", validity="invalid")]
    tenant.desk.fetch()
    tenant.identity.end_access()
    tenant.desk.fetch()
    tenant.identity.people[tenant.person] = "another@example.org"
    tenant.desk.fetch(code=1)
    for mood in ("garbage", "down"):
        tenant.identity.mode = mood
        tenant.desk.run("account", "test", accounts[0])
    tenant.identity.mode = ""
    tenant.identity.revoke(tenant.person)
    tenant.desk.fetch("--account", accounts[0], code=1)
    monkeypatch.setattr("postmaster.oauth.tokens.provider_of", _explode)
    tenant.desk.fetch("--account", accounts[0], code=1)
    printed = [tenant.desk.run(*words).stdout for words in (("credential", "export"), ("credential", "show", 3))]
    return [*pages, *printed, *(client.get(path).text for path in ("/credentials", "/credentials/3", "/audit", "/"))]


def _explode(registration: object) -> None:
    """A fault of our own, with secrets among the local variables."""
    secret = vars(registration)["client_secret"]
    assert secret
    raise KeyError("a fault that nobody foresaw")
