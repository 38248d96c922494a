"""Sealing of secrets: Fernet (AES-128-CBC with HMAC-SHA-256), with keys that can be rotated."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app

from postmaster.config import Settings


class UnsealError(Exception):
    """A secret was sealed with a key that is not among those configured."""


def _fernet() -> MultiFernet:
    settings: Settings = current_app.config["SETTINGS"]
    return MultiFernet([Fernet(key) for key in settings.credential_keys])


def seal(secret: str) -> str:
    """``secret``, encrypted with the first key."""
    return _fernet().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret in ``sealed``. Raises UnsealError if no key opens it."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise UnsealError from None


def reseal(sealed: str) -> str:
    """The same secret, encrypted with the first key. Raises UnsealError if no key opens it."""
    try:
        return _fernet().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise UnsealError from None
