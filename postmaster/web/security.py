"""What protects the pages, whatever they show."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

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

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

# There is no sign-in yet, so the pages are for this machine only. A website whose name is made to lead here
# (DNS rebinding) gets nothing either.
TRUSTED_HOSTS = ("127.0.0.1", "localhost", "::1")


def init_app(app: Flask) -> None:
    """Answer this machine only, and add the headers to each answer."""
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.before_request(_refuse_other_hosts)
    app.after_request(_add_headers)


def _refuse_other_hosts() -> None:
    if urlsplit(f"//{request.host}").hostname not in TRUSTED_HOSTS:
        abort(400)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
