"""Who may open what: each view says so itself, and one that does not is shut.

A view is marked ``@public``, ``@for_leads`` (everybody who is signed in) or ``@for_admins``. A test goes through the
URL map and fails when a mark is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import IntEnum
from typing import Any, TypeVar, cast

from flask import Flask, Response, abort, current_app, flash, redirect, request, session, url_for
from flask_login import current_user as _session_user
from flask_login import logout_user

from postmaster.database import transaction
from postmaster.extensions import now
from postmaster.system.attempts import plain_address
from postmaster.system.models import Role, User, WebSession
from postmaster.system.sessions import SEEN_SECONDS, Browser, note_click
from postmaster.urls import split_url
from postmaster.web.asked import is_looking

# What the sign-in page says then; it leads back to where one was.
EXPIRED = "Your session has expired, or was ended elsewhere. Sign in to go on where you were."

ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# Blueprints that see to it themselves who may open what.
ELSEWHERE: set[str] = set()


class SignedInUser:
    """The user of a session, as Flask-Login wants it. ``token`` is what the browser's cookie holds."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, user: User, token: str, found: WebSession | None = None) -> None:
        self.id = user.id
        self.name = user.name
        self.role = user.role
        self.token = token
        self.seen_at = found.seen_at if found else now()

    def get_id(self) -> str:
        """What the browser's cookie remembers."""
        return self.token


def current_user() -> SignedInUser:
    """Whoever is signed in. On a public page it may be nobody: then only ``is_authenticated`` is there."""
    return cast("SignedInUser", _session_user)


def this_browser() -> Browser:
    """Where the request comes from. Proxies count only as far as POSTMASTER_TRUSTED_PROXIES says."""
    return Browser(plain_address(request.remote_addr), request.headers.get("User-Agent", ""))


class Access(IntEnum):
    """Who may open a view; each includes those after it."""

    PUBLIC = 0
    LEAD = 1
    ADMIN = 2


ROLE_ACCESS = {Role.LEAD: Access.LEAD, Role.ADMIN: Access.ADMIN}


def public(view: ViewT) -> ViewT:
    """Anybody may open ``view``."""
    return _mark(view, Access.PUBLIC)


def for_leads(view: ViewT) -> ViewT:
    """Everybody who is signed in may open ``view``."""
    return _mark(view, Access.LEAD)


def for_admins(view: ViewT) -> ViewT:
    """Admins may open ``view``."""
    return _mark(view, Access.ADMIN)


def polling(view: ViewT) -> ViewT:
    """``view`` is asked for by the page itself, so it does not count as a click."""
    view.polling = True  # type: ignore[attr-defined]
    return view


def _mark(view: ViewT, access: Access) -> ViewT:
    view.access = access  # type: ignore[attr-defined]
    return view


def access_of(view: object) -> Access | None:
    """The mark of ``view``; None if it has none."""
    return getattr(view, "access", None)


def is_admin() -> bool:
    """Whether who is signed in may change things."""
    return current_user().is_authenticated and current_user().role is Role.ADMIN


def init_app(app: Flask) -> None:
    """Check each request before its view runs."""
    app.before_request(check_access)
    app.jinja_env.globals["is_admin"] = is_admin


def check_access() -> Response | None:
    """Send who is not signed in to the sign-in page; refuse what a role may not do."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static" or request.blueprint in ELSEWHERE:
        return None  # without a view there is no such page: the error page says so
    needed = access_of(view)
    if needed is None:
        abort(403)
    if needed is Access.PUBLIC:
        return None
    if not current_user().is_authenticated:
        return to_sign_in()
    _note_click(view)
    if ROLE_ACCESS[current_user().role] < needed:
        abort(403)
    return None


def to_sign_in() -> Response:
    """The way to the sign-in page, and back afterwards; htmx is told to load the whole page."""
    # The browser held a session: a page that is open asks, or its cookie names one that is over.
    if "_user_id" in session or "HX-Request" in request.headers or request.method == "POST":
        flash(
            EXPIRED if request.method in ("GET", "HEAD") else f"{EXPIRED} Your last action was not carried out.", "warn"
        )
    logout_user()
    back = _page_asked_from()
    address = url_for("session.login", next=back if back != "/" else None)
    if "HX-Request" in request.headers:
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address)  # type: ignore[return-value]


def _page_asked_from() -> str | None:
    """The page in the browser's address bar, from / on. None if that was a form's answer, which cannot be opened."""
    if "HX-Request" not in request.headers and is_looking():
        return request.full_path.rstrip("?")
    shown = request.headers.get("HX-Current-URL") or request.referrer or ""
    parts = split_url(shown)
    router = current_app.create_url_adapter(request)
    if not parts or parts.netloc != request.host or router is None or not router.test(parts.path, "GET"):
        return None
    return f"{parts.path}?{parts.query}".rstrip("?")


def _note_click(view: object) -> None:
    """A click starts the time anew that a session may stand still; what the page asks by itself is none."""
    if not getattr(view, "polling", False) and now() - current_user().seen_at >= timedelta(seconds=SEEN_SECONDS):
        with transaction() as database:
            note_click(database, current_user().token)
