"""What the environment tells the process: read once, checked, and never changed afterwards.

The fields of ``Environment`` are the table, one row per variable. From it come reading, the sentences of errors, the
reference in the documentation, and deploy/postmaster.env (``config.reference``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, current_app

from postmaster.config import key_files, readers
from postmaster.config.readers import Network
from postmaster.config.variable import ROW, Variable, variable

DATABASE_FILE = "postmaster.sqlite"
APP_KEY = "SETTINGS"
"""Where the app keeps its environment."""

# Link-local addresses, and those at which clouds tell a machine its secrets: AWS, Google, Alibaba, Oracle, Azure.
METADATA_NETWORKS = (
    "169.254.0.0/16 fe80::/10 fd00:ec2::254/128 fd20:ce::254/128 100.100.100.200/32 192.0.0.192/32 168.63.129.16/32"
)


def _embedded_database(data_dir: Path) -> str:
    return f"sqlite:///{data_dir / DATABASE_FILE}"


def _embedded_redis(data_dir: Path) -> str | None:
    """The Redis that ``bin/start`` runs in the data directory, if it does."""
    socket = data_dir / "redis" / "redis.sock"
    return f"unix://{socket}" if socket.is_socket() else None


@dataclass(frozen=True)
class Environment:
    """What the environment says; all of it is optional.

    ``embedded``: the database is the SQLite file in ``data_dir``, which this program creates and upgrades by itself.
    """

    embedded: bool
    data_dir: Path = variable(
        "POSTMASTER_DATA_DIR",
        readers.folder,
        "Folder of the embedded database, the keys, the embedded Redis, and errors.log.",
        "a folder that can be written to",
        "/var/lib/postmaster",
        default="instance",
        deployed="/var/lib/postmaster",
    )
    database_url: str = variable(
        "POSTMASTER_DATABASE_URL",
        readers.database_url,
        "The database. Run “flask db upgrade” after each update, unless it is the default.",
        "a PostgreSQL or SQLite address",
        "postgresql://user@host/postmaster",
        default_words="SQLite in the data directory",
        without=_embedded_database,
        deployed="postgresql:///postmaster?host=/run/postgresql",
        secret=True,
    )
    redis_url: str | None = variable(
        "POSTMASTER_REDIS_URL",
        readers.redis_url,
        "The Redis through which the worker's processes are given their jobs.",
        "an address that starts with redis://, rediss:// or unix://",
        "redis://localhost:6379/0",
        default_words="the one of bin/start, on a unix socket in the data directory",
        without=_embedded_redis,
        deployed="unix:///run/redis/redis-server.sock?db=0",
        secret=True,
    )
    public_url: str | None = variable(
        "POSTMASTER_PUBLIC_URL",
        readers.web_address,
        "Where browsers reach the pages: for links in alerts and the redirect URI. With https, cookies are Secure.",
        "a web address without a path",
        "https://postmaster.example.com",
        deployed="https://postmaster.example.com",
    )
    trusted_proxies: int = variable(
        "POSTMASTER_TRUSTED_PROXIES",
        readers.number(0, 10),
        "How many web servers stand in front of the pages; what they say about browsers is believed.",
        "0 to 10",
        "1",
        default="0",
        deployed="1",
    )
    secret_key: str = variable(
        "POSTMASTER_SECRET_KEY",
        readers.secret,
        "Signs sessions; the same on all hosts. Make it once: openssl rand -hex 32",
        "16 characters or more",
        "$(openssl rand -hex 32)",
        default_words="secret.key in the data directory",
        without=key_files.secret_key,
        deployed="",
        secret=True,
    )
    credential_keys: tuple[str, ...] = variable(
        "POSTMASTER_CREDENTIAL_KEYS",
        partial(key_files.parse_keys, "POSTMASTER_CREDENTIAL_KEYS"),
        "Keys that seal passwords and tokens, the same on all hosts: the first seals, all of them unseal. Make one: "
        "flask credential new-key",
        "keys separated by commas or spaces",
        "$(openssl rand -base64 32 | tr '+/' '-_')",
        default_words="credential.key in the data directory",
        without=key_files.credential_keys,
        deployed="",
        secret=True,
    )
    workers: int = variable(
        "POSTMASTER_WORKERS",
        readers.number(1, 64),
        "How many processes of the worker fetch mail.",
        "1 to 64",
        "2",
        default="2",
        deployed="2",
    )
    time_zone: ZoneInfo = variable(
        "POSTMASTER_TIME_ZONE",
        readers.time_zone,
        "What “today” means in ticket numbers, and in which zone times are shown.",
        "a name of the IANA database",
        "Europe/Berlin",
        default="UTC",
        deployed="UTC",
    )
    log_format: str = variable(
        "POSTMASTER_LOG_FORMAT",
        readers.one_of("human", "json"),
        "How log lines are written: for people, or for programs.",
        "human or json",
        "json",
        default="human",
        deployed="json",
    )
    alert_targets: tuple[str, ...] = variable(
        "POSTMASTER_ALERT_TARGETS",
        readers.alert_targets,
        "Where alerts are sent.",
        "Apprise addresses separated by spaces",
        "mailtos://user:password@smtp.example.com?to=ops@example.com",
        without=lambda _data_dir: (),
        secret=True,
    )
    metrics_token: str | None = variable(
        "POSTMASTER_METRICS_TOKEN",
        readers.secret,
        "What Prometheus has to send as its bearer token. Make it once: openssl rand -hex 32",
        "16 characters or more",
        "$(openssl rand -hex 32)",
        default_words="/metrics is shut",
        secret=True,
    )
    ca_file: Path | None = variable(
        "POSTMASTER_CA_FILE",
        readers.file,
        "Certificates that are trusted besides the system's, for mail servers, identity providers and webhooks: those "
        "of CAs, or a server's own. Redis takes them from its address: ?ssl_ca_certs=FILE.",
        "a file in PEM form",
        "/etc/ssl/company-ca.pem",
    )
    forbidden_networks: tuple[Network, ...] = variable(
        "POSTMASTER_FORBIDDEN_NETWORKS",
        readers.networks,
        "Networks in which no mail server and no identity provider may be.",
        "networks separated by commas or spaces, or none",
        "169.254.0.0/16,fe80::/10,fd00:ec2::254/128,127.0.0.0/8,::1/128",
        default=METADATA_NETWORKS,
        default_words="link-local addresses, and those of cloud metadata",
    )
    dns_servers: tuple[tuple[str, int], ...] = variable(
        "POSTMASTER_DNS_SERVERS",
        readers.name_servers,
        "DNS servers that are asked for the mail servers of a domain, and for the keys of signatures, if the setting "
        "CheckDKIM is on.",
        "addresses separated by commas or spaces, each with a port if it is not 53",
        "192.0.2.53 192.0.2.54:5353",
        default_words="those of the system",
        without=lambda _data_dir: (),
    )
    outlook_host: str = variable(
        "POSTMASTER_OUTLOOK_HOST",
        readers.host,
        "Where Outlook365 accounts are fetched from, such as outlook.office365.us or partner.outlook.cn in national "
        "clouds; the default permissions follow.",
        "a host name",
        "outlook.office365.com",
        default="outlook.office365.com",
    )
    outlook_port: int = variable(
        "POSTMASTER_OUTLOOK_PORT",
        readers.number(1, 65535),
        "The port of that host.",
        "1 to 65535",
        "993",
        default="993",
    )
    microsoft_authority: str = variable(
        "POSTMASTER_MICROSOFT_AUTHORITY",
        readers.https_base,
        "Where Microsoft signs people in, such as https://login.microsoftonline.us or "
        "https://login.partner.microsoftonline.cn.",
        "an https address",
        "https://login.microsoftonline.com",
        default="https://login.microsoftonline.com",
    )
    google_authorize_url: str = variable(
        "POSTMASTER_GOOGLE_AUTHORIZE_URL",
        readers.https_url,
        "Where Google asks people for their consent.",
        "an https address",
        "https://accounts.google.com/o/oauth2/v2/auth",
        default="https://accounts.google.com/o/oauth2/v2/auth",
    )
    google_token_url: str = variable(
        "POSTMASTER_GOOGLE_TOKEN_URL",
        readers.https_url,
        "Where Google hands out tokens.",
        "an https address",
        "https://oauth2.googleapis.com/token",
        default="https://oauth2.googleapis.com/token",
    )

    @property
    def database_file(self) -> Path:
        """The SQLite file of the embedded database."""
        return self.data_dir / DATABASE_FILE


VARIABLES: tuple[Variable, ...] = tuple(field.metadata[ROW] for field in fields(Environment) if ROW in field.metadata)
"""The rows, in the order of the fields: the data directory comes first, for others are made in it."""


def load_environment(environ: Mapping[str, str] = os.environ) -> Environment:
    """Read and check all variables; create the data directory and its keys if they are missing.

    Raises ConfigError naming the variable, what is wrong with its value, and an example.
    """
    values: dict[str, Any] = {}
    for row in VARIABLES:
        values[row.field] = row.value(environ, values.get("data_dir", Path()))
    embedded = not environ.get("POSTMASTER_DATABASE_URL", "").strip()
    return Environment(embedded=embedded, **values)


def of(app: Flask) -> Environment:
    """The environment that ``app`` was made with."""
    environment: Environment = app.config[APP_KEY]
    return environment


def current() -> Environment:
    """The environment of the app at work."""
    return of(current_app)
