"""A fake identity provider over real HTTPS: it speaks OAuth2 as Microsoft, Google and Keycloak do, and can misbehave.

It checks what a real one checks: redirect URIs, client secrets and certificates, PKCE, codes that are good once, and
refresh tokens that rotate. Mail servers ask it about access tokens (RFC 7662).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography import x509

from tests.servers.certificates import Certificate
from tests.servers.scripted import server_context

AUDIENCE = "https://outlook.office365.com"

# What Microsoft says, by what went wrong.
WORDS = {
    "secret": ("invalid_client", "AADSTS7000215: Invalid client secret provided."),
    "certificate": ("invalid_client", "AADSTS700027: The certificate is not registered."),
    "clock": ("invalid_client", "AADSTS700024: Client assertion is not within its valid time range."),
    "refresh": ("invalid_grant", "AADSTS70008: The refresh token has expired."),
    "code": ("invalid_grant", "AADSTS70008: The provided authorization code has expired."),
    "verifier": ("invalid_grant", "AADSTS501481: The Code_Verifier does not match."),
    "confidential": ("invalid_request", "AADSTS700025: Client is public so neither should be presented."),
    "public": ("invalid_client", "AADSTS7000218: The request body must contain client_assertion or client_secret."),
}


@dataclass
class App:
    """An app that is registered. ``public``: it may ask for device codes without a secret."""

    client_id: str
    secret: str = ""
    certificate: bytes = b""
    redirect_uris: tuple[str, ...] = ("http://localhost/credentials/callback",)
    public: bool = False


@dataclass
class Session:
    """What somebody has consented to. ``name`` is empty for an app that signs in by itself."""

    app: App
    name: str
    scopes: list[str]
    challenge: str = ""
    redirect_uri: str = ""
    nonce: str = ""
    approved: bool = False
    secretless: bool = False


@dataclass
class Told:
    """A request that came in."""

    path: str
    form: dict[str, str]
    authorization: str = ""


class Refusal(Exception):  # noqa: N818 - what the provider says
    """An error as RFC 6749 section 5.2 has it."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@dataclass
class IdentityServer:
    """The provider. Set an attribute to change how it behaves from then on.

    ``people`` are those who can sign in, each with the mailbox that a token of theirs opens; ``own_mailbox`` is that of
    apps. ``eager`` is who enters each device code at once. ``mode`` is empty, or ``down``, ``slow`` (a byte now and
    then), ``silent``, ``garbage``, ``flood``, ``redirect``. ``error`` is what the token endpoint answers instead of
    tokens, ``busy`` the status with which it says that it has no time, ``form_only`` that it takes no secret in a
    header. ``seconds`` is how long access tokens last, ``skew`` by how much its clock is ahead, ``pause`` how
    long it thinks. ``hesitation`` are the errors with which it puts off who asks whether a code was entered.
    ``granted`` are the scopes that it grants, if not all that are asked for.
    """

    certificate: Certificate
    people: dict[str, str] = field(default_factory=dict)
    own_mailbox: str = ""
    apps: dict[str, App] = field(default_factory=dict)
    mode: str = ""
    busy: int = 0
    form_only: bool = False
    error: tuple[str, str] | None = None
    seconds: int = 3600
    skew: float = 0
    granted: list[str] | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    with_refresh: bool = True
    pause: float = 0
    hesitation: list[str] = field(default_factory=list)
    eager: str = ""
    told: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stopping = threading.Event()
        self._lock = threading.RLock()
        self._given: Counter[str] = Counter()
        self._ever: set[str] = set()
        self._codes: dict[str, Session] = {}
        self._refresh: dict[str, Session] = {}
        self._access: dict[str, tuple[Session, float]] = {}
        self._devices: dict[str, tuple[str, Session]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"identity": self}))
        self._server.daemon_threads = True
        self._server.socket = server_context(self.certificate).wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its address, without a slash at the end: the authority of Microsoft, the issuer of others.

        To browsers it is another site than the pages, which are at localhost: as real providers are.
        """
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environ(self) -> dict[str, str]:
        """Settings with which it takes the place of Microsoft and Google."""
        return {
            "POSTMASTER_MICROSOFT_AUTHORITY": self.url,
            "POSTMASTER_GOOGLE_AUTHORIZE_URL": f"{self.url}/authorize",
            "POSTMASTER_GOOGLE_TOKEN_URL": f"{self.url}/token",
        }

    def register(self, **options: Any) -> App:
        """A new app. Redirect URIs are taken as Microsoft takes them: without HTTPS only on localhost."""
        app = App(f"client-{secrets.token_hex(4)}", **{"secret": f"secret-{secrets.token_hex(12)}", **options})
        assert all(uri.startswith(("https://", "http://localhost")) for uri in app.redirect_uris)
        self.apps[app.client_id] = app
        return app

    def calm_down(self) -> None:
        """Forget what it was told, and what it counted."""
        self.told.clear()
        self._ever.clear()
        self._given.clear()
        self.busy, self.form_only = 0, False

    # What people do

    def sign_in(self, url: str, name: str) -> str:
        """Open the link ``url``, sign in as ``name`` and accept; returns where the browser is sent back to."""
        return self._accept(dict(parse_qsl(urlsplit(url).query)), name)

    def enter_device_code(self, code: str, name: str) -> None:
        """Enter ``code`` on another device, signed in as ``name``."""
        with self._lock:
            [session] = [session for user_code, session in self._devices.values() if user_code == code]
            session.name, session.approved = name, True

    def revoke(self, name: str) -> None:
        """Withdraw the consent of ``name``: neither refresh nor access tokens are good any more."""
        with self._lock:
            self._refresh = {token: s for token, s in self._refresh.items() if s.name != name}
            self._access = {token: row for token, row in self._access.items() if row[0].name != name}

    def end_access(self) -> None:
        """No access token that was handed out is good any more; refresh tokens are."""
        with self._lock:
            self._access.clear()

    def handed_out(self, grant: str) -> int:
        """How often tokens were handed out for that grant type."""
        return self._given[grant]

    def secrets(self) -> set[str]:
        """All that must never be seen anywhere: what was handed out or sent, ever."""
        names = ("refresh_token", "code", "code_verifier", "client_secret", "device_code", "client_assertion")
        sent = {told.form[name] for told in self.told for name in names if told.form.get(name)}
        with self._lock:
            kept = {app.secret for app in self.apps.values() if app.secret}
            return sent | kept | self._ever

    # What it answers

    def answer(self, told: Told) -> tuple[int, Any, dict[str, str]]:
        """Status, body (text or JSON) and headers."""
        self.told.append(told)
        path = told.path
        answers: dict[str, Callable[[], Any]] = {
            "/.well-known/openid-configuration": lambda: self._configuration(path.split("/")[1]),
            "/devicecode": lambda: self._device(told.form),
            "/token": lambda: self._token(told),
            "/introspect": lambda: self._introspect(told.form.get("token", "")),
        }
        if path.endswith("/authorize"):
            return self._authorize(told.form)
        if self.busy and path.endswith("/token"):
            return self.busy, {"error": "invalid_grant"}, {"Retry-After": "1234"}
        try:
            for end, make in answers.items():
                if path.endswith(end):
                    return 200, make(), {}
        except Refusal as refusal:
            return 400, {"error": refusal.error, "error_description": refusal.description}, {}
        return 404, "nothing here", {}

    def _configuration(self, tenant: str) -> dict[str, str]:
        root = f"{self.url}/{tenant}"
        return {
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
        }

    def _authorize(self, form: Mapping[str, str]) -> tuple[int, Any, dict[str, str]]:
        """The page on which people sign in, or the way back once they have."""
        if "name" in form:
            asked = {name: value for name, value in form.items() if name not in ("name", "decline")}
            back = self._accept(asked, form["name"]) if "decline" not in form else self._decline(asked)
            return 302, "", {"Location": back}
        hidden = "".join(f'<input type="hidden" name="{n}" value="{html.escape(v)}">' for n, v in form.items())
        names = "".join(f"<option>{html.escape(name)}</option>" for name in self.people)
        buttons = '<button>Accept</button><button name="decline" value="yes">Decline</button>'
        page = (
            f'<title>Sign in</title><form><label>Account<select name="name">{names}</select></label>{hidden}{buttons}'
        )
        return 200, page, {}

    def _accept(self, asked: Mapping[str, str], name: str) -> str:
        app = self.apps[asked["client_id"]]
        assert asked["redirect_uri"] in app.redirect_uris, "the redirect URI is not registered"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        with self._lock:
            self._codes[code] = Session(
                app,
                name,
                asked.get("scope", "").split(),
                asked["code_challenge"],
                asked["redirect_uri"],
                asked.get("nonce", ""),
            )
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _decline(self, asked: Mapping[str, str]) -> str:
        said = {"error": "access_denied", "error_description": "AADSTS65004: User declined to consent."}
        return f"{asked['redirect_uri']}?{urlencode({**said, 'state': asked['state']})}"

    def _device(self, form: Mapping[str, str]) -> dict[str, Any]:
        app = self.apps[form["client_id"]]
        if not app.public:
            raise Refusal(*WORDS["public"])
        device, code = secrets.token_urlsafe(16), secrets.token_hex(4).upper()
        with self._lock:
            session = Session(app, self.eager, form.get("scope", "").split(), approved=bool(self.eager))
            self._devices[device] = (code, session)
        return {
            "device_code": device,
            "user_code": code,
            "verification_uri": f"{self.url}/enter",
            "expires_in": 900,
            "interval": 0,
        }

    def _token(self, told: Told) -> dict[str, Any]:
        if self.error:
            raise Refusal(*self.error)
        grant = told.form.get("grant_type", "")
        app = self._client(told, public="device" in grant or grant == "refresh_token")
        with self._lock:
            session = self._session(grant, told.form, app)
        answer = self._issue(session, grant)
        self.stopping.wait(self.pause)
        return answer

    def _client(self, told: Told, *, public: bool) -> App:
        """Whoever asks, after showing that it is them."""
        form = dict(told.form)
        if self.form_only and told.authorization:
            raise Refusal(*WORDS["secret"])
        if told.authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(told.authorization[6:]).decode().partition(":")
            form |= {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}
            told.form.setdefault("client_secret", unquote_plus(secret))
        app = self.apps.get(form.get("client_id", ""))
        if app is None:
            raise Refusal("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if form.get("client_assertion"):
            self._check_assertion(app, form["client_assertion"])
        elif app.secret != form.get("client_secret", "") and not (
            public and app.public and "client_secret" not in form
        ):
            raise Refusal(*WORDS["secret"])
        return app

    def _check_assertion(self, app: App, assertion: str) -> None:
        """RFC 7523 section 3, with a clock of its own."""
        if not app.certificate:
            raise Refusal(*WORDS["certificate"])
        key = x509.load_pem_x509_certificate(app.certificate).public_key()
        try:
            claims = jwt.decode(
                assertion, key, algorithms=["PS256", "RS256"], options={"verify_exp": False, "verify_nbf": False,
                "verify_aud": False, "verify_iat": False}
            )  # fmt: skip
        except jwt.InvalidTokenError as error:
            raise Refusal(*WORDS["certificate"]) from error
        if not claims.get("nbf", 0) - 300 <= time.time() + self.skew <= claims["exp"] + 300:
            raise Refusal(*WORDS["clock"])

    def _session(self, grant: str, form: Mapping[str, str], app: App) -> Session:
        if grant == "authorization_code":
            return self._by_code(form, app)
        if grant == "refresh_token":
            session = self._refresh.pop(form.get("refresh_token", ""), None)
            if session is None or session.app is not app:
                raise Refusal(*WORDS["refresh"])
            if session.secretless and form.get("client_secret"):
                self._refresh[form["refresh_token"]] = session
                raise Refusal(*WORDS["confidential"])
            return session
        if grant == "client_credentials":
            return Session(app, "", form.get("scope", "").split())
        if "device_code" in grant:
            _, session = self._devices[form["device_code"]]
            if self.hesitation:
                raise Refusal(self.hesitation.pop(0))
            if not session.approved:
                raise Refusal("authorization_pending")
            session.secretless = not form.get("client_secret")
            return session
        raise Refusal("unsupported_grant_type")

    def _by_code(self, form: Mapping[str, str], app: App) -> Session:
        session = self._codes.pop(form.get("code", ""), None)
        if session is None or session.app is not app or session.redirect_uri != form.get("redirect_uri"):
            raise Refusal(*WORDS["code"])
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if _base64(digest) != session.challenge:
            raise Refusal(*WORDS["verifier"])
        return session

    def _issue(self, session: Session, grant: str) -> dict[str, Any]:
        moment = time.time()
        self._given[grant] += 1
        scopes = self.granted if self.granted is not None else session.scopes
        access = self._token_for(session, scopes, moment)
        answer = {"token_type": "Bearer", "access_token": access, "expires_in": self.seconds, "scope": " ".join(scopes)}
        with self._lock:
            self._ever.add(access)
            self._access[access] = (session, moment + self.seconds)
            if self.with_refresh and grant != "client_credentials":
                answer["refresh_token"] = f"refresh-{secrets.token_urlsafe(24)}"
                self._refresh[answer["refresh_token"]] = session
                self._ever.add(answer["refresh_token"])
        if "openid" in session.scopes and session.name:
            claims = {"iss": self.url, "aud": session.app.client_id, "sub": "1", "nonce": session.nonce}
            times = {"iat": int(moment + self.skew), "exp": int(moment + self.skew) + 3600}
            answer["id_token"] = _jwt({**claims, **times, "preferred_username": session.name})
        return answer

    def _token_for(self, session: Session, scopes: list[str], moment: float) -> str:
        names = [scope.rpartition("/")[2] for scope in scopes]
        rights = {"scp": " ".join(names)} if session.name else {"roles": ["IMAP.AccessAsApp", "POP.AccessAsApp"]}
        return _jwt({"aud": AUDIENCE, "exp": int(moment + self.seconds), **rights, **self.claims})

    def _introspect(self, token: str) -> dict[str, Any]:
        with self._lock:
            session, ends = self._access.get(token, (None, 0.0))
        if session is None or time.time() > ends:
            return {"active": False}
        return {"active": True, "username": self.people.get(session.name, self.own_mailbox), "scope": "mail"}


def _jwt(claims: Mapping[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join([*map(_base64, parts), secrets.token_urlsafe(16)])


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    identity: IdentityServer

    def do_GET(self) -> None:
        self._answer(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._answer({name: values[0] for name, values in parse_qs(body).items()})

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self, form: dict[str, str]) -> None:
        told = Told(urlsplit(self.path).path, form, self.headers.get("Authorization", ""))
        if self.identity.mode and not told.path.startswith(("/introspect", "/authorize")):
            self.identity.told.append(told)
            getattr(self, f"_be_{self.identity.mode}")()
            return
        status, body, headers = self.identity.answer(told)
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        self._send(status, text.encode(), {"Content-Type": kind, **headers})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _be_down(self) -> None:
        self._send(503, b"<h1>Service unavailable</h1>", {"Content-Type": "text/html"})

    def _be_garbage(self) -> None:
        self._send(200, b"\xff\x00 no JSON at all", {"Content-Type": "application/json"})

    def _be_flood(self) -> None:
        self._send(200, b" " * 2_000_000, {"Content-Type": "application/json"})

    def _be_redirect(self) -> None:
        self._send(307, b"", {"Location": f"{self.identity.url}/elsewhere"})

    def _be_silent(self) -> None:
        self.identity.stopping.wait()

    def _be_slow(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.identity.stopping.wait(0.05):
            try:
                self.wfile.write(b" ")
            except OSError:
                return
