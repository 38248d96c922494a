"""OAuth2 of Znuny: its token configurations become credentials, with the tokens that it holds, sealed at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from postmaster.accounts.credentials import CredentialService
from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.accounts.models import Credential
from postmaster.errors import MailError
from postmaster.extensions import now
from postmaster.oauth.provider import Tokens
from postmaster.oauth.registration import registration_of
from postmaster.oauth.tokens import access_token
from postmaster.oauth.vault import open_vault, store_first
from postmaster.otrs.documents import read_document
from postmaster.otrs.dump import Dump
from postmaster.otrs.names import Names, refuse
from postmaster.otrs.report import Taken
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.upsert import Result
from postmaster.urls import split_url

MICROSOFT_LOGIN = ("login.microsoftonline.com", "login.windows.net", "login.microsoftonline.us")
GOOGLE_LOGIN = ("accounts.google.com", "oauth2.googleapis.com")
GRAPH = "graph.microsoft.com"

# What is asked of a provider there beside mail that comes in.
_NOT_FOR_FETCHING = ("smtp.send", "offline_access", "openid", "profile", "email", "user.read")

_CHOOSE_SCOPES = (
    "It was for Microsoft Graph, and mail is fetched by IMAP here: give the app the permission IMAP.AccessAsUser.All "
    "(or IMAP.AccessAsApp, with client credentials) in Entra."
)
_NO_TOKEN = "The dump has no refresh token of it. Run: flask credential authorise '{name}'"  # noqa: S105


@dataclass(frozen=True)
class TokenConfig:
    """A token configuration: the app as its provider knows it."""

    name: str
    kind: CredentialKind
    grant: Grant
    fields: Mapping[str, str]
    secret: str
    for_graph: bool


class OAuthTaker:
    """Takes token configurations and tokens. ``new`` are rows, with the credentials that are to be tried afterwards."""

    def __init__(self, session: Session, dump: Dump, names: Names, actor: str) -> None:
        self._session = session
        self._names = names
        self._credentials = CredentialService(session, actor)
        self._rows = {row.get("id"): row for row in dump.of("oauth2_token_config")}
        self._tokens = {row.get("token_config_id"): row for row in dump.of("oauth2_token")}
        self._logins = _logins(dump)
        self.new: list[tuple[DumpRow, int]] = []

    def take(self, row: DumpRow) -> Result:
        """Take a configuration. Raises InputError or InvalidFieldsError."""
        logins = self._logins.get(row.get("id"), [""])
        taken, credential, by_graph = self._bring(row, logins[0])
        token = self._tokens.get(row.get("id"))
        lacks = [_CHOOSE_SCOPES] if by_graph else []
        if credential.effective_grant is Grant.CLIENT_CREDENTIALS:
            self.new += [(row, credential.id)] if taken is Taken.CREATED else []
        elif credential.token is None and not (token and token.get("refresh_token")):
            lacks.append(_NO_TOKEN.format(name=credential.name))
        return Result(taken, record=credential).adding(*lacks)

    def take_token(self, row: DumpRow) -> Result:
        """Take the tokens of a configuration, unless it has some here. Raises InputError."""
        config = self._rows.get(row.get("token_config_id"))
        if config is None:
            flaw = f"belong to the configuration {row.get('token_config_id')}, which is not in the dump"
            raise refuse("Tokens", flaw, "Dump the table oauth2_token_config as well, whole.")
        credential = self.credential(config.get("id"), self._logins.get(config.get("id"), [""])[0])
        if credential is None:
            raise refuse("Tokens", "belong to a configuration that was left out", "See what is said of that.")
        if credential.effective_grant is Grant.CLIENT_CREDENTIALS:
            return Result(Taken.PASSED_OVER, "The app gets its tokens by itself.")
        if credential.token is not None:
            return Result(Taken.UNCHANGED, "The credential has tokens here, and they stay.")
        if not row.get("refresh_token"):
            return Result(Taken.PASSED_OVER, "It has no refresh token; see the configuration.")
        store_first(self._session, credential, registration_of(credential), _tokens(row, credential))
        self.new.append((row, credential.id))
        return Result(Taken.CREATED, record=credential)

    def credential(self, config_id: str, login: str) -> Credential | None:
        """The credential of a configuration for accounts with that login, made if it is another than the first one's.

        None if the configuration is not in the dump, or was left out.
        """
        row = self._rows.get(config_id)
        if row is None:
            return None
        first, login = self._logins.get(config_id, [""])[0], login.strip()
        found = self._credentials.named(_name(row))
        if found is None or found.kind is CredentialKind.MICROSOFT or login.lower() == first.lower():
            return found
        return self._bring(row, login, f"{_name(row)} ({login})")[1]

    def _bring(self, row: DumpRow, login: str, name: str = "") -> tuple[Taken, Credential, bool]:
        config = _read_config(row)
        there = self._credentials.named(name or config.name)
        if there is not None:
            return Taken.UNCHANGED, there, config.for_graph and there.token is None
        item = {
            "kind": config.kind.value,
            "name": name or config.name,
            "username": login,
            "validity": self._names.validity(row),
            "comment": "Taken over from a token configuration.",
            **config.fields,
        }
        if config.secret:
            item["client_secret"] = config.secret
        return Taken.CREATED, self._credentials.add(item, secrets=bool(config.secret)), config.for_graph


def try_tokens(credential_id: int) -> str:
    """Ask the provider for new tokens, as a fetch would; returns what went wrong, for people. Never a secret."""
    try:
        access_token(credential_id, open_vault(credential_id).access)
    except MailError as error:
        return f"{error.message} {error.advice}".strip()
    return ""


def _name(row: DumpRow) -> str:
    return row.get("name").strip() or f"OAuth2 {row.get('id')}"


def _read_config(row: DumpRow) -> TokenConfig:
    config = read_document(row.get("config"))
    if not isinstance(config, dict) or not config.get("ClientID"):
        raise refuse(
            "Config", "cannot be read, or has no ClientID", "Add an OAuth2 credential by hand.", "bad-document"
        )
    asked = config.get("Requests")
    requests: dict[str, Any] = asked if isinstance(asked, dict) else {}
    by_itself = str(config.get("AuthFlow", "")) == "ClientCredentials" or set(requests) == {"TokenByClientCredentials"}
    grant = Grant.CLIENT_CREDENTIALS if by_itself else Grant.AUTHORIZATION_CODE
    token_url = _url(requests, "TokenByRefreshToken", "TokenByAuthorizationCode", "TokenByClientCredentials")
    kind = _kind(token_url)
    scope = str(config.get("Scope") or "")
    fields = {"client_id": str(config["ClientID"]), **_own_fields(kind, grant, config, requests, token_url)}
    fields["scopes"] = _scopes(kind, scope)
    return TokenConfig(_name(row), kind, grant, fields, str(config.get("ClientSecret") or ""), GRAPH in scope.lower())


def _own_fields(
    kind: CredentialKind, grant: Grant, config: Mapping[str, Any], requests: Mapping[str, Any], token_url: str
) -> dict[str, str]:
    """Those that only this kind has."""
    if kind is CredentialKind.GOOGLE:
        return {}
    if kind is CredentialKind.MICROSOFT:
        parts = split_url(token_url)
        tenant = str(config.get("TenantID") or (parts.path if parts else "").strip("/").partition("/")[0])
        return {"grant": grant.value, "tenant": tenant}
    return {
        "grant": grant.value,
        "token_endpoint": token_url,
        "authorization_endpoint": _url(requests, "AuthorizationCode"),
    }


def _kind(token_url: str) -> CredentialKind:
    parts = split_url(token_url)
    host = (parts.hostname if parts else "") or ""
    if host in MICROSOFT_LOGIN:
        return CredentialKind.MICROSOFT
    return CredentialKind.GOOGLE if host in GOOGLE_LOGIN else CredentialKind.GENERIC


def _url(requests: Mapping[str, Any], *names: str) -> str:
    """The address of the first of these requests that there is."""
    for name in names:
        request = requests.get(name)
        inner = request.get("Request") if isinstance(request, dict) else None
        if isinstance(inner, dict) and inner.get("URL"):
            return str(inner["URL"]).strip()
    return ""


def _scopes(kind: CredentialKind, scope: str) -> str:
    """What to ask for; empty where fetching needs what it asks for anyway."""
    wanted = [each for each in scope.split() if each.rpartition("/")[2].lower() not in _NOT_FOR_FETCHING]
    if kind is CredentialKind.GENERIC:
        return scope
    if kind is CredentialKind.MICROSOFT:
        names = {each.rpartition("/")[2].lower() for each in wanted}
        only_one = names in ({"imap.accessasuser.all"}, {"pop.accessasuser.all"})
        return " ".join(wanted) if only_one else ""
    return ""


def _tokens(row: DumpRow, credential: Credential) -> Tokens:
    """The tokens of a row. The access token counts as long as it says."""
    ends = _moment(row.get("token_expiration_date"))
    seconds = max(0, int((ends - now()).total_seconds())) if ends else 0
    scopes = tuple(registration_of(credential).scopes)
    return Tokens(row.get("token"), row.get("refresh_token"), min(seconds, 86_400), scopes, "")


def _moment(text: str) -> datetime | None:
    """A moment, which the database has in UTC."""
    try:
        return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None


def _logins(dump: Dump) -> dict[str, list[str]]:
    """The logins of the accounts that use each configuration, each once, in their order."""
    found: dict[str, dict[str, None]] = {}
    for row in _by_token(dump.of("mail_account")):
        found.setdefault(row.get("oauth2_token_config_id"), {}).setdefault(row.get("login").strip())
    return {number: [*logins] for number, logins in found.items()}


def _by_token(rows: Iterable[DumpRow]) -> Iterable[DumpRow]:
    return (row for row in rows if row.get("authentication_type").startswith("oauth2"))
