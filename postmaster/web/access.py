"""Who may open what: each view says so itself, and one that does not is shut.

A view is marked ``@public``, ``@for_leads`` (everybody who is signed in) or ``@for_admins``. A test goes through the
URL map and fails when a mark is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import IntEnum
from time import time
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, redirect, request, session, url_for
from flask_login import current_user, logout_user

from postmaster.system.models import Role, User
from postmaster.web.asked import is_looking

ViewT = TypeVar("ViewT", bound=Callable[..., Any])

# Minutes without a click after which somebody has to sign in again.
IDLE_MINUTES = 60


class SignedInUser:
    """The user of a session, as Flask-Login wants it. A changed password ends the user's other sessions."""

    is_authenticated = True
    is_anonymous = False

    def __init__(self, user: User) -> None:
        self.id = user.id
        self.name = user.name
        self.role = user.role
        self.is_active = user.active
        self._mark = hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]

    def get_id(self) -> str:
        """What the session remembers."""
        return f"{self.id}:{self._mark}"


def who() -> SignedInUser:
    """Whoever is signed in. On a public page it may be nobody: then only ``is_authenticated`` is there."""
    return cast("SignedInUser", current_user)


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
    return who().is_authenticated and who().role is Role.ADMIN


def init_app(app: Flask) -> None:
    """Check each request before its view runs."""
    app.before_request(check_access)
    app.jinja_env.globals["is_admin"] = is_admin


def check_access() -> Response | None:
    """Send who is not signed in to the sign-in page; refuse what a role may not do."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static":
        return None  # no such page: the error page says so
    needed = access_of(view)
    if needed is None:
        abort(403)
    if needed is Access.PUBLIC:
        return None
    if not who().is_authenticated or _is_idle(view):
        return to_sign_in()
    if ROLE_ACCESS[who().role] < needed:
        abort(403)
    return None


def to_sign_in() -> Response:
    """The way to the sign-in page, and back afterwards; htmx is told to load the whole page."""
    logout_user()
    back = _page_asked_from()
    address = url_for("session.login", next=back if back != "/" else None)
    if "HX-Request" in request.headers:
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address)  # type: ignore[return-value]


def _page_asked_from() -> str | None:
    """The page in the browser's address bar, from / on. None if that was a form's answer, which cannot be opened."""
    if "HX-Request" in request.headers:
        parts = urlsplit(request.headers.get("HX-Current-URL", ""))
        return f"{parts.path}?{parts.query}".rstrip("?") or None
    return request.full_path.rstrip("?") if is_looking() else None


def _is_idle(view: object) -> bool:
    """Whether the session stood still for too long; a click starts the time anew."""
    moment = time()
    if moment - session.get("seen", 0.0) > IDLE_MINUTES * 60:
        return True
    if not getattr(view, "polling", False):
        session["seen"] = moment
    return False
