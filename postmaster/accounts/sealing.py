"""Sealing of secrets: Fernet (AES-128-CBC with HMAC-SHA-256), with keys that can be rotated.

A sealed text begins with a mark of its key, so that it can be told from the text alone whether there is that key, also
in SQL. Texts of earlier versions have none: whether a key opens them is tried.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.sealed_columns import SEALED, SealedTable
from postmaster.config.key_files import CREDENTIAL_KEY, KEY_ADVICE, credential_keys, make_key
from postmaster.database import read_session
from postmaster.errors import ConfigError

# What is sealed for longer than a sign-in takes.
_LASTING = tuple(column for row in SEALED for column in row.columns)

# Texts without a mark of which it is kept whether a key opens them: some 2 kB each.
MAX_TRIED = 4096

_found_unopened: ContextVar[list[int] | None] = ContextVar("found_unopened", default=None)

# The mark that a text begins with; Fernet's own alphabet has no full stop.
_MARK = re.compile(r"k[0-9a-f]{12}\.")


class UnsealError(Exception):
    """A secret was sealed with a key that is not among those configured."""


def _keys() -> tuple[str, ...]:
    """The keys that there are. Their file may have been made since this process began."""
    environment = config.current()
    return environment.credential_keys or credential_keys(environment.data_dir)


def _keys_to_seal() -> tuple[str, ...]:
    """The keys, made if there are none; never while there is what another key has sealed: that one is missing then."""
    keys = _keys()
    if keys:
        return keys
    with read_session() as session:
        if any(session.scalar(select(exists().where(each != ""))) for each in _LASTING):
            raise key_missing()
    return make_key(config.current().data_dir / CREDENTIAL_KEY)


def key_missing() -> ConfigError:
    """The error that what is sealed cannot be opened."""
    if _keys():
        what = "No key that is configured opens any of the secrets in the database."
    else:
        path = config.current().data_dir / CREDENTIAL_KEY
        what = f"The secrets in the database are sealed, and their key {path} is missing."
    return ConfigError("credential-key-lost", what, KEY_ADVICE)


def check_keys() -> None:
    """Check that the keys are those of this database. Raises ConfigError if they open nothing that is sealed in it."""
    with read_session() as session:
        sealed = {text for each in _LASTING for text in session.scalars(select(each).where(each != ""))}
    if sealed and not any(opens(text) for text in sealed):
        raise key_missing()


def opens(sealed: str) -> bool:
    """Whether a key opens ``sealed``; there is nothing to be opened in an empty text."""
    if not sealed:
        return True
    keys = _keys()
    if mark := _MARK.match(sealed):
        return mark[0] in {_mark(key) for key in keys}
    return _is_opened(keys, sealed)


@lru_cache
def _mark(key: str) -> str:
    """What tells ``key`` from others, without telling anything of it."""
    return f"k{hashlib.sha256(b'mark of ' + key.encode()).hexdigest()[:12]}."


@lru_cache(MAX_TRIED)
def _is_opened(keys: tuple[str, ...], sealed: str) -> bool:
    try:
        _decrypt(keys, sealed)
    except UnsealError:
        return False
    return True


def unopened_ids() -> list[int]:
    """The ids of the credentials with a secret that no key opens. Those with the mark of a key are not even read."""
    known = _found_unopened.get()
    if known is not None:
        return known
    with read_session() as session:
        return _find_unopened(session)


@contextmanager
def finding_unopened_once(session: Session) -> Iterator[None]:
    """Meanwhile ``unopened_ids`` are those that were found in the beginning, however many queries need them."""
    token = _found_unopened.set(_find_unopened(session))
    try:
        yield
    finally:
        _found_unopened.reset(token)


def _find_unopened(session: Session) -> list[int]:
    return sorted({number for row in SEALED if row.noun == "credential" for number in _unopened(session, row)})


def _unopened(session: Session, row: SealedTable) -> Iterator[int]:
    marks = [_mark(key) for key in _keys()]
    strange = or_(*(and_(each != "", *(~each.startswith(mark) for mark in marks)) for each in row.columns))
    for number, *texts in session.execute(select(row.key, *row.columns).where(strange)):
        if not all(map(opens, texts)):
            yield number


def _decrypt(keys: tuple[str, ...], sealed: str) -> str:
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet

    if not keys:
        raise UnsealError
    try:
        return MultiFernet([Fernet(key) for key in keys]).decrypt(_MARK.sub("", sealed, count=1).encode()).decode()
    except InvalidToken:
        raise UnsealError from None


def seal(secret: str) -> str:
    """``secret``, encrypted with the first key. Raises ConfigError if the key is missing."""
    from cryptography.fernet import Fernet

    key = _keys_to_seal()[0]
    return _mark(key) + Fernet(key).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret in ``sealed``. Raises UnsealError if no key opens it."""
    return _decrypt(_keys(), sealed)


def reseal(sealed: str) -> str:
    """The same secret, encrypted with the first key. Raises UnsealError if no key opens it."""
    return seal(unseal(sealed))
