"""What programs sign in to the API with: ``pm_ID_SECRET``, where the last six characters of SECRET are a checksum.

By its form a scanner that looks for secrets knows a token, and by its checksum that it is none by chance. The secret is
256 random bits, so that its SHA-256 is as good as a slow hash would be, and each request can afford it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from postmaster.errors import PostMasterError
from postmaster.extensions import now
from postmaster.resources.numbers import ID_PATTERN
from postmaster.system.models import ApiToken, Scope

_LETTERS = string.digits + string.ascii_letters

# As many of 62 letters as hold 256 bits, and as many as hold the 32 of a CRC.
_SECRET_LENGTH, _CHECKSUM_LENGTH = 43, 6

TOKEN_PATTERN = rf"pm_({ID_PATTERN})_[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}}"
_TOKEN = re.compile(TOKEN_PATTERN)

# That a token was used is written down once in so many seconds: programs ask far more often than that.
USE_SECONDS = 60

# What the hash of a token that nobody has is compared with, so that the answer takes as long.
_NOBODYS = "0" * 64


class ScopeMissingError(PostMasterError):
    """What is asked needs ``scope``, which the token lacks."""

    def __init__(self, name: str, scope: Scope) -> None:
        super().__init__("scope-missing", f"The token “{name}” lacks the scope {scope.value}.", "Use one that has it.")
        self.scope = scope


class TokenRefusedError(PostMasterError):
    """A request that names no token, or one that is not good."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The program that asks, by its token. ``queue_ids`` are the queues that it may see; None for all.

    ``use_is_due``: for more than a minute nobody has written down that the token was used (``note_use``).
    """

    token_id: int
    name: str
    scopes: frozenset[Scope]
    queue_ids: frozenset[int] | None
    actor: str
    use_is_due: bool = False

    def require(self, scope: Scope) -> None:
        """Raise ScopeMissingError if the token lacks ``scope``."""
        if scope not in self.scopes:
            raise ScopeMissingError(self.name, scope)

    def sees(self, queue_id: int | None) -> bool:
        """Whether it may see what is in that queue; what is in none is only for those who see all."""
        return self.queue_ids is None or queue_id in self.queue_ids


def authenticate(session: Session, authorization_header: str) -> Caller:
    """Whose token ``Authorization: Bearer TOKEN`` names. Raises TokenRefusedError."""
    scheme, _, text = authorization_header.strip().partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise TokenRefusedError(
            "token-missing", "The request names no API token.", "Send the header Authorization: Bearer TOKEN."
        )
    return _caller(_require_good(_find(session, text.strip())))


def require_still_good(session: Session, caller: Caller) -> None:
    """Raise TokenRefusedError if the token has been revoked, or has expired, since it was looked at."""
    _require_good(session.get_one(ApiToken, caller.token_id))


def note_use(session: Session, caller: Caller) -> None:
    """Write down that the token was used just now, unless another request did so within a minute."""
    moment = now()
    stale = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at <= moment - timedelta(seconds=USE_SECONDS))
    session.execute(update(ApiToken).where(ApiToken.id == caller.token_id, stale).values(last_used_at=moment))


def _find(session: Session, text: str) -> ApiToken:
    form = _TOKEN.fullmatch(text)
    found = session.get(ApiToken, int(form[1])) if form and _has_checksum(text) else None
    if not compare_digest(hash_of(text), found.hash if found else _NOBODYS) or found is None:
        raise TokenRefusedError(
            "token-unknown", "There is no such API token.", "Copy it again, or create another one: flask token add"
        )
    return found


def _require_good(token: ApiToken) -> ApiToken:
    if token.revoked_at is not None:
        message = f"The API token “{token.name}” was revoked."
        raise TokenRefusedError("token-revoked", message, "Create another one: flask token add")
    if is_expired(token):
        message = f"The API token “{token.name}” has expired."
        raise TokenRefusedError("token-expired", message, "Create another one: flask token add")
    return token


def _caller(token: ApiToken) -> Caller:
    used = token.last_used_at
    return Caller(
        token_id=token.id,
        name=token.name,
        scopes=frozenset(map(Scope, token.scopes)),
        queue_ids=frozenset(token.queue_ids) if token.queue_ids else None,
        actor=f"API token {token.name}",
        use_is_due=used is None or now() - used >= timedelta(seconds=USE_SECONDS),
    )


def is_expired(token: ApiToken) -> bool:
    """Whether it has ended by itself."""
    return token.expires_at is not None and token.expires_at <= now()


def make_token(token_id: int) -> str:
    """A token for the row with that id; nothing but its hash may be kept."""
    start = f"pm_{token_id}_{''.join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))}"
    return start + _checksum(start)


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _has_checksum(token: str) -> bool:
    return token.endswith(_checksum(token[:-_CHECKSUM_LENGTH]))


def _checksum(text: str) -> str:
    """The CRC-32 of ``text`` in base 62."""
    number, letters = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_LETTERS))
        letters = _LETTERS[digit] + letters
    return letters
