"""What protects the pages, whatever they show."""

from __future__ import annotations

from flask import Flask, Response, current_app, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from postmaster import config

# Nothing but what this server sends itself, and no inline styles or scripts. ``data:`` is for Pico's form icons.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

# Only where browsers come by https: then never otherwise.
STRICT_TRANSPORT_SECURITY = "max-age=31536000"

# Bytes that a form may have; nothing is uploaded here.
MAX_REQUEST = 2 * 1024 * 1024

# How long a form may stay open before it is sent.
SECONDS_OF_A_TOKEN = 12 * 3600


csrf = CSRFProtect()

# Blueprints in which no cookie counts, so that none is sent and no answer depends on one.
WITHOUT_COOKIES: set[str] = set()


class BrowserSessions(SecureCookieSessionInterface):
    """What the browser holds. HEAD only looks and shows nothing, so it changes nothing: neither does it use up what is
    to be said once.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie, if it changed."""
        if request.blueprint in WITHOUT_COOKIES:
            return
        if request.method != "HEAD":
            super().save_session(app, session, response)
        elif session.accessed:
            response.vary.add("Cookie")


def init_app(app: Flask) -> None:
    """Add the headers to each answer, protect each change, and set up the cookies and the proxies."""
    environment = config.of(app)
    secure = (environment.public_url or "").startswith("https://")
    app.config.update(
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_NAME="__Host-session" if secure else "postmaster",
        WTF_CSRF_TIME_LIMIT=SECONDS_OF_A_TOKEN,
        MAX_CONTENT_LENGTH=MAX_REQUEST,
    )
    if environment.trusted_proxies:
        count = environment.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    app.session_interface = BrowserSessions()
    csrf.init_app(app)
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
        if request.blueprint not in WITHOUT_COOKIES:
            response.vary.add("HX-Request")
    return response
