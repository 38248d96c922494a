"""The one translator of what goes wrong on the way to an identity provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests

from postmaster.errors import MailError, mail_error
from postmaster.extensions import now
from postmaster.oauth.http import TEMPORARY_STATUSES, TOTAL_SECONDS
from postmaster.oauth.registration import Registration
from postmaster.parsing.retry_after import retry_after
from postmaster.sources.deadline import Deadline
from postmaster.sources.handshake import system_words
from postmaster.sources.wire import cleaned_text


@contextmanager
def talking_to(registration: Registration, deadline: Deadline) -> Iterator[None]:
    """Whatever fails inside is raised as a MailError of stage token.

    Nothing is kept as its cause: libraries put what was sent and answered into what they raise.
    """
    try:
        yield
    except MailError:
        raise
    except requests.HTTPError as error:
        raise _by_status(registration, error) from None
    except requests.RequestException as error:
        raise _network(registration, deadline, error) from None
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError, RecursionError, OSError):
        raise _fail(registration, "provider-slow" if deadline.passed else "provider-confused") from None
    finally:
        deadline.cancel()


def _by_status(registration: Registration, error: requests.HTTPError) -> MailError:
    status = error.response.status_code if error.response is not None else 0
    passing = status >= requests.codes.server_error or status in TEMPORARY_STATUSES
    code = "provider-unavailable" if passing else "provider-confused"
    failure = _fail(registration, code, f"HTTP status {status}")
    if error.response is not None:
        wait = retry_after(error.response.headers.get("Retry-After", ""), now())
        failure.retry_after = None if wait is None else wait.total_seconds()
    return failure


def unavailable(registration: Registration, words: str) -> MailError:
    """The error that a provider has troubles of its own."""
    return _fail(registration, "provider-unavailable", cleaned_text(words))


def _network(registration: Registration, deadline: Deadline, error: requests.RequestException) -> MailError:
    if deadline.passed or isinstance(error, requests.Timeout):
        return _fail(registration, "provider-slow")
    if isinstance(error, requests.exceptions.SSLError):
        return _fail(registration, "provider-certificate", _root(error))
    if isinstance(error, requests.ConnectionError):
        return _fail(registration, "provider-unreachable", _root(error))
    return _fail(registration, "provider-confused")


def _root(error: BaseException) -> str:
    """What the system said in the end, which the libraries have wrapped; empty for what only they say."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return cleaned_text(str(getattr(error, "verify_message", None) or system_words(error)))


def _fail(registration: Registration, code: str, words: str = "") -> MailError:
    address = urlsplit(registration.token_url).netloc
    return mail_error(code, server=words, provider=registration.provider, address=address, seconds=f"{TOTAL_SECONDS:g}")
