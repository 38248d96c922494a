"""The files in the data directory that hold keys. They are made once, by one process, and never replaced."""

from __future__ import annotations

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from postmaster.errors import ConfigError

SECRET_KEY = "secret.key"  # noqa: S105 - the name of a file
"""The file with the key that signs sessions, if POSTMASTER_SECRET_KEY does not give it."""

CREDENTIAL_KEY = "credential.key"
"""The file with the keys that seal secrets, if POSTMASTER_CREDENTIAL_KEYS does not give them."""

# Of a key that seals secrets, as Fernet has them.
KEY_BYTES = 32

KEY_ADVICE = (
    "Restore the key from the backup. If it is lost for good, take what is wrong away and run: "
    "flask credential forget-sealed; then enter the secrets again."
)


def secret_key(data_dir: Path) -> str:
    """The key that signs sessions, made first if its file is not there."""
    return _key_in(data_dir / SECRET_KEY, lambda: secrets.token_hex(32))


def credential_keys(data_dir: Path) -> tuple[str, ...]:
    """The keys that seal secrets; none while their file is still to be made: see ``accounts.sealing``."""
    return keys_in(data_dir / CREDENTIAL_KEY)


def keys_in(path: Path) -> tuple[str, ...]:
    """The keys in the file ``path``; none if it is not there. Raises ConfigError if it is there and is no key."""
    return parse_keys(str(path), _read_key(path)) if path.exists() else ()


def make_key(path: Path) -> tuple[str, ...]:
    """The key in ``path``, made first if the file is not there."""
    return parse_keys(str(path), _key_in(path, lambda: urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()))


def parse_keys(source: str, text: str) -> tuple[str, ...]:
    """The keys in ``text``, which stands in ``source``: a file or a variable. Raises ConfigError if one is no key."""
    keys = tuple(text.replace(",", " ").split())
    if not keys:
        raise _bad_key(source, "has no key")
    for position, key in enumerate(keys, start=1):
        if not _is_key(key):
            raise _bad_key(source, f"has a key (number {position}) that is not {KEY_BYTES} bytes in URL-safe base64")
    return keys


def _is_key(text: str) -> bool:
    """Whether Fernet takes it, without the cryptography library, which most commands do not need."""
    try:
        return len(urlsafe_b64decode(text)) == KEY_BYTES
    except ValueError:
        return False


def _bad_key(source: str, flaw: str) -> ConfigError:
    return ConfigError("bad-key", f"{source} {flaw}.", KEY_ADVICE)


def _key_in(path: Path, make: Callable[[], str]) -> str:
    """The key in ``path``, made first if the file is not there; two processes at once agree on one key."""
    try:
        if not path.exists():
            _store_key(path, make())
    except OSError as error:
        raise _bad_key(str(path), f"cannot be made ({error.strerror})") from error
    key = _read_key(path)
    if not key:
        raise _bad_key(str(path), "is empty")
    return key


def _store_key(path: Path, key: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        draft.write_text(key + "\n")
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise _bad_key(str(path), f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise _bad_key(str(path), "is not text, so it is not a key") from error
