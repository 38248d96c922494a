"""What is asked of an identity provider, whichever it is, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from typing import Protocol as Interface

from postmaster.errors import MailError, mail_error
from postmaster.extensions import Json
from postmaster.oauth.error_codes import is_passing, meaning_of
from postmaster.oauth.jwt import claims_of
from postmaster.oauth.registration import Registration
from postmaster.sources.wire import cleaned_text

# Of an access token whose end is not told (RFC 6749 section 5.1 recommends that it is), and the longest believed.
USUAL_SECONDS, LONGEST_SECONDS = 3600, 86_400

# What ID tokens call somebody, the best first.
_NAMES = ("preferred_username", "email", "upn", "unique_name", "sub")


@dataclass(frozen=True)
class Tokens:
    """What a provider handed out. ``refresh`` is empty where it gave none, and ``signed_in_as`` where it did not say.

    ``seconds``: how long ``access`` is good for.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    seconds: int
    scopes: tuple[str, ...]
    signed_in_as: str


@dataclass(frozen=True)
class DeviceCode:
    """What somebody enters at ``url`` on any device within ``seconds`` (RFC 8628). ``flow`` is the provider's own."""

    code: str
    url: str
    seconds: int
    interval: int
    flow: Json = field(repr=False)


class IdentityProvider(Interface):
    """One way to a provider. Each method raises MailError, stage token."""

    def begin(self, redirect_uri: str, state: str) -> tuple[str, Json]:
        """Where to send a browser, and what ``finish`` needs to know; the latter holds secrets."""
        ...

    def finish(self, flow: Json, answer: Mapping[str, str]) -> Tokens:
        """The tokens for the ``answer`` with which the browser came back."""
        ...

    def refresh(self, refresh_token: str) -> Tokens:
        """Tokens for a refresh token."""
        ...

    def own(self) -> Tokens:
        """Tokens of the app itself."""
        ...

    def begin_device(self) -> DeviceCode:
        """A code for somebody to enter on another device."""
        ...

    def poll_device(self, device: DeviceCode) -> Tokens | None:
        """The tokens, once the code was entered; None until then."""
        ...


def tokens_of(answer: Mapping[str, Any], registration: Registration) -> Tokens:
    """The tokens in the answer of a token endpoint (RFC 6749 section 5.1). Raises ValueError if it holds none."""
    access = answer.get("access_token")
    if not isinstance(access, str) or not _is_token(access):
        raise ValueError("no access token")
    refresh = answer.get("refresh_token")
    scope = answer.get("scope")
    claims = claims_of(str(answer.get("id_token") or ""))
    return Tokens(
        access=access,
        refresh=refresh if isinstance(refresh, str) else "",
        seconds=_seconds(answer.get("expires_in")),
        scopes=tuple(scope.split()) if isinstance(scope, str) and scope.strip() else registration.scopes,
        signed_in_as=cleaned_text(str(next((claims[name] for name in _NAMES if claims.get(name)), ""))),
    )


def _is_token(text: str) -> bool:
    """Whether ``text`` can go into a mail server's ear (RFC 6750 section 2.1: visible ASCII)."""
    return bool(text) and all("!" <= char <= "~" for char in text)


def _seconds(value: Any) -> int:
    try:
        seconds = int(value)
    except (TypeError, ValueError, OverflowError):
        return USUAL_SECONDS
    return max(0, min(seconds, LONGEST_SECONDS))


def refusal(registration: Registration, error: str, description: str) -> MailError:
    """The MailError that a provider's error means (RFC 6749 section 5.2)."""
    words = cleaned_text(description or error)
    for secret in (registration.client_secret, registration.certificate):
        words = words.replace(secret, "…") if secret else words
    if is_passing(error, description):
        return mail_error("provider-unavailable", server=words, provider=registration.provider)
    meaning = meaning_of(registration.kind, cleaned_text(error), description)
    return mail_error(
        meaning.fault,
        stage="token",
        server=words,
        provider=registration.provider,
        credential=registration.credential,
        what=meaning.what,
        todo=meaning.todo,
    )
