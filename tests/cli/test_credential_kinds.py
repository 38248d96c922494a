"""Credentials of OAuth2 by the command line: which fields a kind has, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from postmaster.accounts.models import Credential
from postmaster.accounts.sealing import unseal
from postmaster.database import read_session
from postmaster.extensions import now
from tests.cli.support import Admin, options
from tests.cli.test_credential import with_keys
from tests.servers.fixtures import Certificates

SECRET = "very~secret.value"
MICROSOFT = {"kind": "oauth2-microsoft", "name": "M", "client_id": "id-1", "tenant": "contoso.example"}
GOOGLE = {"kind": "oauth2-google", "name": "G", "client_id": "id-2"}
URL = "https://login.example"
GENERIC = {
    "kind": "oauth2-generic",
    "name": "K",
    "client_id": "id-3",
    "authorization_endpoint": f"{URL}/auth",
    "token_endpoint": f"{URL}/token",
}
APP_ONLY = MICROSOFT | {"grant": "client-credentials"}


def add(admin: Admin, fields: dict[str, object], secret: str = SECRET) -> int:
    result = admin.run("credential", "add", *options(fields), "--client-secret-stdin", input=secret)
    assert result.exit_code == 0, result.stderr
    return int(result.stdout)


def secrets_of(app: Flask) -> tuple[str, str]:
    """Client secret and certificate of the first credential."""
    with app.app_context(), read_session() as session:
        credential = session.get_one(Credential, 1)
        sealed = (credential.sealed_client_secret, credential.sealed_client_certificate)
        return tuple(unseal(text) if text else "" for text in sealed)


@pytest.mark.parametrize("fields", [MICROSOFT, GOOGLE, GENERIC, APP_ONLY])
def test_each_kind_is_added_with_its_secret_sealed(
    admin: Admin, app: Flask, data_dir: Path, fields: dict[str, object]
) -> None:
    add(admin, fields)
    assert secrets_of(app) == (SECRET, "")
    shown = admin.show("credential", 1)
    assert {name: shown[name] for name in fields} == fields
    everything = [admin.run("credential", *words).stdout for words in (("list", "--json"), ("show", 1), ("export",))]
    assert not any(SECRET in text for text in everything)
    assert not any(SECRET.encode() in file.read_bytes() for file in data_dir.iterdir())


REFUSED = {
    "endpoint at Microsoft": (MICROSOFT | {"device_endpoint": URL}, "Device endpoint is not a field of credentials"),
    "tenant at Google": (GOOGLE | {"tenant": "x"}, "Tenant is not a field of credentials of kind oauth2-google"),
    "grant at Google": (GOOGLE | {"grant": "client-credentials"}, "Grant is not a field"),
    "app with a password": ({"kind": "basic", "name": "B", "username": "u", "client_id": "i"}, "Client ID is not a"),
    "no client id": (MICROSOFT | {"client_id": ""}, "Client ID is missing"),
    "an app of any tenant": (APP_ONLY | {"tenant": ""}, "Tenant must be that of the mailboxes"),
    "an app of many tenants": (APP_ONLY | {"tenant": "common"}, "Tenant must be that of the mailboxes"),
    "a path as tenant": (MICROSOFT | {"tenant": "a/../b"}, "Tenant is “a/../b”"),
    "no endpoint": (GENERIC | {"authorization_endpoint": ""}, "Authorization endpoint is missing. Grant authorization"),
    "endpoint in brackets": (GENERIC | {"token_endpoint": "https://[x]/token"}, "not an address that begins with"),
    "endpoint around brackets": (GENERIC | {"token_endpoint": "https://[::1]x/token"}, "not an address that"),
    "endpoint in the clear": (GENERIC | {"token_endpoint": "http://x/token"}, "not an address that begins with https://"),
    "endpoint with a password": (GENERIC | {"token_endpoint": "https://a:b@x/token"}, "not an address that begins"),
    "no day": (GOOGLE | {"secret_expires": "soon"}, "Secret expires is “soon”, but must be a day"),
    "no grant": (MICROSOFT | {"grant": "password"}, "Grant is “password”"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_kind_has_not_or_needs_is_refused(admin: Admin, fields: dict[str, object], sentence: str) -> None:
    secret = "--password-stdin" if fields["kind"] == "basic" else "--client-secret-stdin"
    result = admin.run("credential", "add", *options(fields), secret, input=SECRET)
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert admin.list("credential") == []


def test_an_app_needs_a_secret_or_a_certificate(admin: Admin) -> None:
    result = admin.run("credential", "add", *options(APP_ONLY))
    assert "Client secret is missing. Give it with --client-secret-stdin." in result.stderr


def test_a_certificate_and_a_secret_replace_each_other(admin: Admin, app: Flask, certificates: Certificates) -> None:
    key, certificate = (file.read_text() for file in (certificates.app.key_file, certificates.app.cert_file))
    add(admin, APP_ONLY)
    words = ("credential", "set", "M", "--client-certificate-stdin")
    for broken in (key, certificate, "nonsense"):
        assert "does not hold a private key" in admin.run(*words, input=broken).stderr
    other = certificates.valid.cert_file.read_text()
    assert "must be an RSA key and the certificate of that key" in admin.run(*words, input=key + other).stderr
    assert admin.run(*words, input=key + certificate).exit_code == 0
    assert secrets_of(app) == ("", (key + certificate).strip())
    admin.run("credential", "set", "M", "--client-secret-stdin", input=SECRET)
    assert secrets_of(app) == (SECRET, "")
    both = ("--client-secret-stdin", "--client-certificate-stdin")
    assert "Only one of" in admin.run("credential", "set", "M", *both, input=SECRET).stderr


def test_an_import_without_secrets_says_what_each_needs(admin: Admin) -> None:
    for fields in (APP_ONLY, GOOGLE):
        add(admin, fields)
    document = admin.run("credential", "export").stdout
    for name in ("M", "G"):
        admin.run("credential", "delete", name, "--yes")
    assert admin.run("credential", "import", input=document).exit_code == 0
    assert [row["health"] for row in admin.list("credential")] == ["needs-secret", "needs-authorisation"]
    assert admin.run("credential", "export").stdout == document
    assert "unchanged" in admin.run("credential", "import", input=document).stdout


def test_an_import_does_not_turn_a_credential_into_one_of_another_kind(admin: Admin) -> None:
    add(admin, GOOGLE)
    document = admin.run("credential", "export", "--format", "toml").stdout.replace("oauth2-google", "oauth2-microsoft")
    result = admin.run("credential", "import", input=document)
    assert "Kind is oauth2-google and cannot be changed" in result.stderr


@pytest.mark.parametrize(
    ("days", "health"),
    [(400, "healthy"), (29, "secret-expires-soon"), (0, "secret-expires-soon"), (-1, "secret-expired")],
)
def test_the_list_says_when_secrets_expire(admin: Admin, days: int, health: str) -> None:
    end = (now().date() + timedelta(days=days)).isoformat()
    add(admin, APP_ONLY | {"secret_expires": end})
    [row] = admin.list("credential")
    assert (row["secret_expires"], row["health"]) == (end, health)
    assert end in admin.run("credential", "list").stdout


def test_rotated_keys_seal_every_secret_anew(admin: Admin, app: Flask, data_dir: Path, environ: dict[str, str]) -> None:
    add(admin, APP_ONLY)
    old, new = (data_dir / "credential.key").read_text().strip(), Fernet.generate_key().decode()
    with_keys(environ, f"{new},{old}").test_cli_runner().invoke(args=["credential", "rotate-key"])
    assert secrets_of(with_keys(environ, new)) == (SECRET, "")
