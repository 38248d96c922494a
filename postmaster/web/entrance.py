"""The door: a name and a password become a session, or a line in the log that fail2ban reads."""

from __future__ import annotations

import threading
import time

from postmaster.database import read_session, transaction
from postmaster.logs import Logger
from postmaster.resources.audit import audit
from postmaster.resources.named_service import printable
from postmaster.system.attempts import LONGEST_DELAY, Attempt, TooManyTriesError
from postmaster.system.models import User
from postmaster.system.sessions import Browser, start_session
from postmaster.system.users import sign_in
from postmaster.web.access import this_browser

log = Logger(__name__)

# Threads of this process that may wait at a time, so that who tries one name over and over keeps nobody from the pages.
_waiting = threading.BoundedSemaphore(2)


def enter(name: str, password: str) -> tuple[User, str] | None:
    """Sign in; returns the user and the token of the new session, or None if name or password is wrong.

    Raises TooManyTriesError. Whether the name exists makes no difference, not even in time.
    """
    browser = this_browser()
    attempt = Attempt(name[:200], browser.address)
    try:
        with transaction() as session:
            delay = attempt.begin(session)
        _wait(delay)
    except TooManyTriesError:
        _log(name, browser, "too-many-tries")
        raise
    with read_session() as session:
        user = sign_in(session, name, password)
    if user is None:
        _refuse(name, browser)
        return None
    with transaction() as session:
        attempt.succeed(session)
        audit(session, user.name, "sign-in", "session", user.name, {"address": browser.address})
        return user, start_session(session, user, browser)


def _wait(seconds: float) -> None:
    if not seconds:
        return
    if not _waiting.acquire(blocking=False):
        raise TooManyTriesError(LONGEST_DELAY)
    try:
        time.sleep(seconds)
    finally:
        _waiting.release()


def _refuse(name: str, browser: Browser) -> None:
    _log(name, browser, "wrong-password")
    with transaction() as session:
        audit(session, "nobody", "refused-sign-in", "session", printable(name)[:100], {"address": browser.address})


def _log(name: str, browser: Browser, reason: str) -> None:
    """The address comes first, and the name last: see the filter for fail2ban in docs/deploy.md."""
    log.warning("sign-in refused", address=browser.address, reason=reason, user=name[:100])
