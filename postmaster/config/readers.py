"""From the text of a variable to its value; what cannot be read is said as the end of a sentence about the variable."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from postmaster.urls import split_url

Network = IPv4Network | IPv6Network

MIN_SECRET = 16
MAX_DIGITS = 9


class UnusableError(ValueError):
    """What is wrong with a text, as in "is too short". It names no more of a secret than its place."""


def folder(text: str) -> Path:
    """A folder that only this user can enter, made if it is missing."""
    path = Path(text).absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise UnusableError(f"names {path}, which cannot be used as a folder ({error.strerror})") from error
    return path


def file(text: str) -> Path:
    """A file that exists."""
    if not Path(text).is_file():
        raise UnusableError(f"names {text}, which is not a file")
    return Path(text).absolute()


def database_url(url: str) -> str:
    """The address of a database as SQLAlchemy takes it. It may hold a password, so it is not repeated."""
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgresql", "postgres", "postgresql+psycopg") and separator:
        url = f"postgresql+psycopg://{rest}"
    elif scheme != "sqlite" or not rest.startswith("/"):
        raise UnusableError(f"starts with “{scheme}”, but must be a PostgreSQL or SQLite address")
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        raise UnusableError(
            "cannot be read as an address: special characters of a password are written as %XX, the port is a number"
        ) from None
    return url


def redis_url(url: str) -> str:
    """The address of a Redis. It may hold a password, so it is not repeated."""
    if _split(url).scheme not in ("redis", "rediss", "unix"):
        raise UnusableError("must start with redis://, rediss:// or unix://")
    return url


def web_address(url: str) -> str:
    """An address of pages, without a path."""
    url = url.rstrip("/")
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise UnusableError("must be a web address without a path")
    return url


def https_url(url: str) -> str:
    """An address of an identity provider, which is never talked to in the clear."""
    parts = _split(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise UnusableError(f"is “{url}”, but must be an address that begins with https://")
    return url


def https_base(url: str) -> str:
    """An https address to which paths are appended."""
    return https_url(url).rstrip("/")


def _split(url: str) -> SplitResult:
    """The parts of ``url``, which may hold a password, so it is not repeated."""
    parts = split_url(url)
    if parts is None:
        raise UnusableError("cannot be read as an address: its brackets or its port are wrong")
    return parts


def secret(text: str) -> str:
    """A secret that cannot be guessed for being short."""
    if len(text) < MIN_SECRET:
        raise UnusableError(f"is too short: it needs at least {MIN_SECRET} characters")
    return text


def one_of(*words: str) -> Callable[[str], str]:
    """Reads one of ``words``."""

    def read(text: str) -> str:
        if text not in words:
            raise UnusableError(f"is “{text}”, but must be {' or '.join(words)}")
        return text

    return read


def number(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number from ``low`` to ``high``."""

    def read(text: str) -> int:
        plain = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
        if not (plain and low <= int(text) <= high):
            raise UnusableError(f"is “{text}”, but must be a number from {low} to {high}")
        return int(text)

    return read


def time_zone(name: str) -> ZoneInfo:
    """A time zone by its name in the IANA database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # listing all of them would take a tenth of a start
        raise UnusableError(f"is “{name}”, which is not a known time zone") from None


def host(text: str) -> str:
    """A host name or IP address."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.:-]*[a-z0-9])?", text, re.IGNORECASE):
        raise UnusableError(f"is “{text}”, which is not a host name")
    return text.lower()


def alert_targets(text: str) -> tuple[str, ...]:
    """Addresses, separated by spaces. What is wrong with one is said by its place: it holds secrets."""
    targets = tuple(text.split())
    for place, target in enumerate(targets, start=1):
        if "://" not in target:
            raise UnusableError(f"has an address (number {place}) without a scheme such as mailto:// or json://")
    return targets


def name_servers(text: str) -> tuple[tuple[str, int], ...]:
    """Addresses of DNS servers, separated by commas or spaces, each with a port if it is not 53."""
    return tuple(map(_name_server, text.replace(",", " ").split()))


def _name_server(word: str) -> tuple[str, int]:
    address, _, port = word.rpartition(":") if word.count(":") == 1 or "]:" in word else (word, "", "53")
    try:
        where, number = ip_address(address.removeprefix("[").removesuffix("]")), int(port)
    except ValueError:
        raise UnusableError(f"has “{word}”, which is not an address such as 192.0.2.53 or 192.0.2.53:5353") from None
    if not 0 < number < 65_536:
        raise UnusableError(f"has “{word}”, whose port is not from 1 to 65535")
    return str(where), number


def networks(text: str) -> tuple[Network, ...]:
    """Networks, separated by commas or spaces; ``none`` for none at all."""
    words = [] if text == "none" else text.replace(",", " ").split()
    return tuple(map(_network, words))


def _network(word: str) -> Network:
    try:
        return ip_network(word)
    except ValueError:
        raise UnusableError(f"has “{word}”, which is not a network such as 10.0.0.0/8") from None
