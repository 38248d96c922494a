"""Settings of the process: read from the environment once, validated, and never changed afterwards."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from postmaster.errors import ConfigError

MICROSOFT_AUTHORITY = "https://login.microsoftonline.com"
GOOGLE_AUTHORIZE_URL = "https://accounts.google.com/o/oauth2/v2/auth"
GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address

CREDENTIAL_KEY = "credential.key"
"""The file in the data directory with the keys that seal secrets, if POSTMASTER_CREDENTIAL_KEYS does not name them."""

KEY_ADVICE = (
    "Restore the key from the backup. If it is lost for good, take what is wrong away and run: "
    "flask credential forget-sealed; then enter the secrets again."
)

Network = IPv4Network | IPv6Network

# Link-local addresses, and those at which clouds tell a machine its secrets: AWS, Google, Alibaba, Oracle, Azure.
METADATA_NETWORKS = (
    "169.254.0.0/16 fe80::/10 fd00:ec2::254/128 fd20:ce::254/128 100.100.100.200/32 192.0.0.192/32 168.63.129.16/32"
)


@dataclass(frozen=True)
class Environment:
    """What the environment says. All of it is optional; see docs/reference.md#environment.

    ``credential_keys``: Fernet keys, the first one seals, all of them unseal; none while their file is still to be
    made. ``embedded``: the database is the
    SQLite file in ``data_dir``, which this program creates and upgrades by itself. ``public_url``: where browsers reach
    the pages; with https, cookies are Secure. ``trusted_proxies``: how many proxies stand before it, 0 to 10.
    ``workers``: processes that fetch, 1 to 64. ``metrics_token``: what Prometheus has to show; None shuts /metrics.
    ``alert_targets``: where alerts are sent, as Apprise writes addresses.
    ``forbidden_networks``: where no mail server and no identity provider may be.
    ``outlook_host`` and ``outlook_port``: where accounts of type Outlook365 are fetched from; ``microsoft_authority``
    and ``google_…_url``: where OAuth2 credentials of these kinds sign in.
    """

    data_dir: Path
    database_url: str = field(repr=False)
    embedded: bool
    redis_url: str | None = field(repr=False)
    secret_key: str = field(repr=False)
    credential_keys: tuple[str, ...] = field(repr=False)
    log_format: str
    ca_file: Path | None
    time_zone: ZoneInfo
    public_url: str | None
    trusted_proxies: int
    workers: int
    metrics_token: str | None = field(repr=False)
    alert_targets: tuple[str, ...] = field(repr=False)
    forbidden_networks: tuple[Network, ...]
    outlook_host: str
    outlook_port: int
    microsoft_authority: str
    google_authorize_url: str
    google_token_url: str

    @property
    def database_file(self) -> Path:
        """The SQLite file of the embedded database."""
        return self.data_dir / "postmaster.sqlite"


def load_environment(environ: Mapping[str, str] = os.environ) -> Environment:
    """Read and check all settings; create the data directory and its keys if they are missing.

    Raises ConfigError naming the variable, what is wrong with its value, and an example.
    """
    data_dir = _data_dir(environ)
    url = environ.get("POSTMASTER_DATABASE_URL", "").strip()
    return Environment(
        data_dir=data_dir,
        database_url=_database_url(url) if url else f"sqlite:///{data_dir / 'postmaster.sqlite'}",
        embedded=not url,
        redis_url=_redis_url(environ, data_dir),
        secret_key=_secret_key(environ, data_dir),
        credential_keys=_credential_keys(environ, data_dir),
        log_format=_log_format(environ),
        ca_file=_ca_file(environ),
        time_zone=_time_zone(environ),
        public_url=_public_url(environ),
        trusted_proxies=_number(environ, "POSTMASTER_TRUSTED_PROXIES", 0, 10, default=0),
        workers=_number(environ, "POSTMASTER_WORKERS", 1, 64, default=2),
        metrics_token=_metrics_token(environ),
        alert_targets=_alert_targets(environ),
        forbidden_networks=_networks(environ, "POSTMASTER_FORBIDDEN_NETWORKS", METADATA_NETWORKS),
        outlook_host=_host(environ, "POSTMASTER_OUTLOOK_HOST", "outlook.office365.com"),
        outlook_port=_number(environ, "POSTMASTER_OUTLOOK_PORT", 1, 65535, default=993),
        microsoft_authority=_https_url(environ, "POSTMASTER_MICROSOFT_AUTHORITY", MICROSOFT_AUTHORITY).rstrip("/"),
        google_authorize_url=_https_url(environ, "POSTMASTER_GOOGLE_AUTHORIZE_URL", GOOGLE_AUTHORIZE_URL),
        google_token_url=_https_url(environ, "POSTMASTER_GOOGLE_TOKEN_URL", GOOGLE_TOKEN_URL),
    )


def _refuse(variable: str, flaw: str, example: str) -> ConfigError:
    return ConfigError("bad-setting", f"{variable} {flaw}.", f"Example: {variable}={example}")


def _data_dir(environ: Mapping[str, str]) -> Path:
    path = Path(environ.get("POSTMASTER_DATA_DIR") or "instance").absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        flaw = f"names {path}, which cannot be used as a folder ({error.strerror})"
        raise _refuse("POSTMASTER_DATA_DIR", flaw, "/var/lib/postmaster") from error
    return path


def _database_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgresql", "postgres", "postgresql+psycopg") and separator:
        return _readable_url(f"postgresql+psycopg://{rest}")
    if scheme == "sqlite" and rest.startswith("/"):
        return _readable_url(url)
    flaw = f"starts with “{scheme}”, but must be a PostgreSQL or SQLite address"
    raise _refuse("POSTMASTER_DATABASE_URL", flaw, "postgresql://user@host/postmaster")


def _readable_url(url: str) -> str:
    """``url``, which SQLAlchemy can take to pieces. It may hold a password, so it is not repeated."""
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        flaw = "cannot be read as an address: special characters of a password are written as %XX, the port is a number"
        raise _refuse("POSTMASTER_DATABASE_URL", flaw, "postgresql://user@host/postmaster") from None
    return url


def _split(variable: str, url: str, example: str) -> SplitResult:
    """The parts of ``url``, which may hold a password, so it is not repeated."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is read when it is asked for
    except ValueError:
        raise _refuse(variable, "cannot be read as an address: its brackets or its port are wrong", example) from None
    return parts


def _redis_url(environ: Mapping[str, str], data_dir: Path) -> str | None:
    """The address that is given; else that of the Redis which ``bin/start`` runs in the data directory, if it does."""
    url = environ.get("POSTMASTER_REDIS_URL", "").strip()
    if url and _split("POSTMASTER_REDIS_URL", url, "redis://localhost:6379/0").scheme not in (
        "redis",
        "rediss",
        "unix",
    ):
        flaw = "must start with redis://, rediss:// or unix://"
        raise _refuse("POSTMASTER_REDIS_URL", flaw, "redis://localhost:6379/0")
    embedded = data_dir / "redis" / "redis.sock"
    return url or (f"unix://{embedded}" if embedded.is_socket() else None)


def _secret_key(environ: Mapping[str, str], data_dir: Path) -> str:
    key = environ.get("POSTMASTER_SECRET_KEY", "")
    if key and len(key) < 16:
        flaw = "is too short: it needs at least 16 characters"
        raise _refuse("POSTMASTER_SECRET_KEY", flaw, "$(openssl rand -hex 32)")
    return key or _key_in(data_dir / "secret.key", lambda: secrets.token_hex(32))


def _credential_keys(environ: Mapping[str, str], data_dir: Path) -> tuple[str, ...]:
    """Those that are given, or those of the file; none if it is not there: see ``accounts.sealing``."""
    given = environ.get("POSTMASTER_CREDENTIAL_KEYS", "")
    return _keys("POSTMASTER_CREDENTIAL_KEYS", given) if given else keys_in(data_dir / CREDENTIAL_KEY)


def keys_in(path: Path) -> tuple[str, ...]:
    """The keys in the file ``path``; none if it is not there. Raises ConfigError if it is there and is no key."""
    return _keys(str(path), _read_key(path)) if path.exists() else ()


def make_key(path: Path) -> tuple[str, ...]:
    """The key in ``path``, made first if the file is not there."""
    return _keys(str(path), _key_in(path, lambda: Fernet.generate_key().decode()))


def _keys(source: str, text: str) -> tuple[str, ...]:
    keys = tuple(text.replace(",", " ").split())
    if not keys:
        raise _bad_key(source, "has no key")
    for position, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError as error:
            raise _bad_key(source, f"has a key (number {position}) that is not 32 bytes in URL-safe base64") from error
    return keys


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
        raise _bad_key(str(path), "is no text, so it is no key") from error


def _log_format(environ: Mapping[str, str]) -> str:
    value = environ.get("POSTMASTER_LOG_FORMAT") or "human"
    if value not in ("human", "json"):
        raise _refuse("POSTMASTER_LOG_FORMAT", f"is “{value}”, but must be human or json", "json")
    return value


def _ca_file(environ: Mapping[str, str]) -> Path | None:
    value = environ.get("POSTMASTER_CA_FILE", "").strip()
    if value and not Path(value).is_file():
        flaw = f"names {value}, which is not a file"
        raise _refuse("POSTMASTER_CA_FILE", flaw, "/etc/ssl/company-ca.pem")
    return Path(value).absolute() if value else None


def _time_zone(environ: Mapping[str, str]) -> ZoneInfo:
    name = environ.get("POSTMASTER_TIME_ZONE") or "UTC"
    if name not in available_timezones():
        raise _refuse("POSTMASTER_TIME_ZONE", f"is “{name}”, which is no time zone known here", "Europe/Berlin")
    return ZoneInfo(name)


def _public_url(environ: Mapping[str, str]) -> str | None:
    url = environ.get("POSTMASTER_PUBLIC_URL", "").strip().rstrip("/")
    parts = _split("POSTMASTER_PUBLIC_URL", url, "https://postmaster.example.com")
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path):
        flaw = "must be a web address without a path"
        raise _refuse("POSTMASTER_PUBLIC_URL", flaw, "https://postmaster.example.com")
    return url or None


def _number(environ: Mapping[str, str], variable: str, low: int, high: int, default: int) -> int:
    value = environ.get(variable) or str(default)
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and low <= int(value) <= high):
        raise _refuse(variable, f"is “{value}”, but must be a number from {low} to {high}", str(max(default, 1)))
    return int(value)


def _metrics_token(environ: Mapping[str, str]) -> str | None:
    token = environ.get("POSTMASTER_METRICS_TOKEN", "").strip()
    if token and len(token) < 16:
        flaw = "is too short: it needs at least 16 characters"
        raise _refuse("POSTMASTER_METRICS_TOKEN", flaw, "$(openssl rand -hex 32)")
    return token or None


def _alert_targets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Addresses, parted by blanks. What is wrong with one is said by its place: it holds secrets."""
    targets = tuple(environ.get("POSTMASTER_ALERT_TARGETS", "").split())
    for place, target in enumerate(targets, start=1):
        if "://" not in target:
            flaw = f"has an address (number {place}) without a scheme such as mailto:// or json://"
            raise _refuse(
                "POSTMASTER_ALERT_TARGETS", flaw, "mailtos://user:password@smtp.example.com?to=ops@example.com"
            )
    return targets


def _networks(environ: Mapping[str, str], variable: str, default: str) -> tuple[Network, ...]:
    """Networks, parted by commas or blanks; ``none`` for none at all."""
    value = environ.get(variable, "").strip() or default
    words = [] if value == "none" else value.replace(",", " ").split()
    try:
        return tuple(ip_network(word) for word in words)
    except ValueError:
        wrong = next(word for word in words if not _is_network(word))
        flaw = f"has “{wrong}”, which is no network such as 10.0.0.0/8"
        raise _refuse(variable, flaw, "169.254.0.0/16,fe80::/10,127.0.0.0/8,::1") from None


def _is_network(word: str) -> bool:
    try:
        ip_network(word)
    except ValueError:
        return False
    return True


def _host(environ: Mapping[str, str], variable: str, default: str) -> str:
    value = environ.get(variable, "").strip() or default
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.:-]*[a-z0-9])?", value, re.IGNORECASE):
        raise _refuse(variable, f"is “{value}”, which is not a host name", default)
    return value.lower()


def _https_url(environ: Mapping[str, str], variable: str, default: str) -> str:
    """An address of an identity provider, which is never talked to in the clear."""
    value = environ.get(variable, "").strip() or default
    parts = _split(variable, value, default)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise _refuse(variable, f"is “{value}”, but must be an address that begins with https://", default)
    return value
