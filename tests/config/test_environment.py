"""The environment is a table: what it holds is read, refused and documented by its rows."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from postmaster.config import VARIABLES, Environment, load_environment
from postmaster.config.reference import OTHER_VARIABLES, example_file, markdown_rows
from postmaster.config.variable import Variable
from postmaster.errors import ConfigError

TOP = Path(__file__).parents[2]
NAMED = {row.name: row for row in VARIABLES}

# One value of each variable that is refused for each reason, and what is said of it.
REFUSED = (
    ("DATA_DIR", "/proc/none", "names /proc/none, which cannot be used as a folder (No such file or directory)"),
    ("DATABASE_URL", "mysql://h/d", "starts with “mysql”, but must be a PostgreSQL or SQLite address"),
    ("DATABASE_URL", "sqlite://relative", "starts with “sqlite”, but must be a PostgreSQL or SQLite address"),
    ("DATABASE_URL", "postgresql://u:s3cret@h:x/d", "cannot be read as an address: special characters"),
    ("REDIS_URL", "http://:s3cret@h", "must start with redis://, rediss:// or unix://"),
    ("REDIS_URL", "redis://:s3cret@h:port", "cannot be read as an address: its brackets or its port are wrong"),
    ("PUBLIC_URL", "https://h/path", "must be a web address without a path"),
    ("PUBLIC_URL", "postmaster.example.com", "must be a web address without a path"),
    ("TRUSTED_PROXIES", "11", "is “11”, but must be a number from 0 to 10"),
    ("SECRET_KEY", "s3cret", "is too short: it needs at least 16 characters"),
    ("WORKERS", "65", "is “65”, but must be a number from 1 to 64"),
    ("WORKERS", "²", "is “²”, but must be a number from 1 to 64"),
    ("WORKERS", "9" * 5000, "but must be a number from 1 to 64"),
    ("TIME_ZONE", "Europe", "is “Europe”, which is not a known time zone"),
    ("TIME_ZONE", "../zoneinfo/UTC", "which is not a known time zone"),
    ("TIME_ZONE", "/etc/passwd", "which is not a known time zone"),
    ("TIME_ZONE", "Mars", "is “Mars”, which is not a known time zone"),
    ("LOG_FORMAT", "xml", "is “xml”, but must be human or json"),
    ("ALERT_TARGETS", "json://h s3cret", "has an address (number 2) without a scheme"),
    ("METRICS_TOKEN", "s3cret", "is too short: it needs at least 16 characters"),
    ("CA_FILE", "/nowhere.pem", "names /nowhere.pem, which is not a file"),
    ("FORBIDDEN_NETWORKS", "10.0.0.0/8 ten", "has “ten”, which is not a network such as 10.0.0.0/8"),
    ("DNS_SERVERS", "192.0.2.53 dns.example", "has “dns.example”, which is not an address such as 192.0.2.53 or"),
    (
        "DNS_SERVERS",
        "192.0.2.53:x",
        "has “192.0.2.53:x”, which is not an address such as 192.0.2.53 or 192.0.2.53:5353",
    ),
    ("DNS_SERVERS", "192.0.2.53:0", "has “192.0.2.53:0”, whose port is not from 1 to 65535"),
    ("OUTLOOK_HOST", "not a host", "is “not a host”, which is not a host name"),
    ("OUTLOOK_PORT", "0", "is “0”, but must be a number from 1 to 65535"),
    ("MICROSOFT_AUTHORITY", "http://x", "is “http://x”, but must be an address that begins with https://"),
    ("GOOGLE_AUTHORIZE_URL", "https://x?q", "is “https://x?q”, but must be an address that begins with https://"),
    ("GOOGLE_TOKEN_URL", "https://x:port/", "cannot be read as an address: its brackets or its port are wrong"),
)


@pytest.mark.parametrize(("name", "value", "words"), REFUSED)
def test_a_value_that_is_refused_is_named_with_an_example(data_dir: Path, name: str, value: str, words: str) -> None:
    variable = f"POSTMASTER_{name}"
    with pytest.raises(ConfigError) as caught:
        load_environment({"POSTMASTER_DATA_DIR": str(data_dir), variable: value})
    assert caught.value.code == "bad-setting"
    assert caught.value.message.startswith(f"{variable} ")
    assert words in caught.value.message
    assert caught.value.advice == f"Example: {variable}={NAMED[variable].example}"
    assert "s3cret" not in str(caught.value)


def test_each_variable_has_a_refusal_that_is_tested() -> None:
    keys = {"CREDENTIAL_KEYS"}  # another code: test_a_key_that_is_none_is_refused
    assert {row.name for row in VARIABLES} == {f"POSTMASTER_{name}" for name in keys | {case[0] for case in REFUSED}}


@pytest.mark.parametrize(("value", "words"), [("no-key", "has a key (number 1) that is not"), (",", "has no key")])
def test_a_key_that_is_none_is_refused(data_dir: Path, value: str, words: str) -> None:
    environ = {"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_CREDENTIAL_KEYS": value}
    with pytest.raises(ConfigError, match=re.escape(f"POSTMASTER_CREDENTIAL_KEYS {words}")) as caught:
        load_environment(environ)
    assert caught.value.code == "bad-key"


def test_all_of_it_is_optional(data_dir: Path) -> None:
    environment = load_environment({"POSTMASTER_DATA_DIR": str(data_dir), "POSTMASTER_WORKERS": "", "OTHER": "x"})
    assert environment.embedded
    assert environment.database_url == f"sqlite:///{data_dir}/postmaster.sqlite"
    assert environment.secret_key == (data_dir / "secret.key").read_text().strip()
    assert (environment.workers, environment.trusted_proxies, environment.outlook_port) == (2, 0, 993)
    assert (environment.redis_url, environment.public_url, environment.ca_file) == (None, None, None)
    assert (environment.alert_targets, environment.credential_keys) == ((), ())
    assert environment.time_zone == ZoneInfo("UTC")
    assert len(environment.forbidden_networks) == 7


def test_what_is_set_counts(data_dir: Path) -> None:
    given = {
        "POSTMASTER_DATA_DIR": str(data_dir),
        "POSTMASTER_DATABASE_URL": "postgres://user@host/mail",
        "POSTMASTER_PUBLIC_URL": "https://mail.example.com/",
        "POSTMASTER_WORKERS": " 7 ",
        "POSTMASTER_OUTLOOK_HOST": "Partner.Outlook.CN",
        "POSTMASTER_MICROSOFT_AUTHORITY": "https://login.partner.microsoftonline.cn/",
    }
    environment = load_environment(given)
    assert not environment.embedded
    assert environment.database_url == "postgresql+psycopg://user@host/mail"
    assert environment.public_url == "https://mail.example.com"
    assert environment.workers == 7
    assert environment.outlook_host == "partner.outlook.cn"
    assert environment.microsoft_authority == "https://login.partner.microsoftonline.cn"


@pytest.mark.parametrize("row", VARIABLES, ids=lambda row: row.name)
def test_the_example_of_a_row_is_one_that_it_takes(data_dir: Path, row: Variable, tmp_path: Path) -> None:
    made = {"POSTMASTER_DATA_DIR": tmp_path / "data", "POSTMASTER_CA_FILE": tmp_path / "ca.pem"}
    (tmp_path / "ca.pem").touch()
    example = str(made.get(row.name, row.example))
    if not example.startswith("$("):
        row.value({row.name: example}, data_dir)


def test_each_field_of_the_environment_is_a_row() -> None:
    assert {field.name for field in fields(Environment)} - {"embedded"} == {row.field for row in VARIABLES}


def test_a_secret_stands_in_no_representation(data_dir: Path) -> None:
    secrets = {
        "POSTMASTER_DATABASE_URL": "postgresql://user:s3cret@host/mail",
        "POSTMASTER_REDIS_URL": "redis://:s3cret@host",
        "POSTMASTER_SECRET_KEY": "s3cret0123456789",
        "POSTMASTER_METRICS_TOKEN": "s3cret0123456789",
        "POSTMASTER_ALERT_TARGETS": "mailto://user:s3cret@host",
    }
    assert "s3cret" not in repr(load_environment({"POSTMASTER_DATA_DIR": str(data_dir), **secrets}))


def test_each_variable_that_is_spoken_of_is_a_row() -> None:
    deployed = (path for path in (TOP / "deploy").rglob("*") if path.suffix != ".pyc")  # gunicorn compiles its settings
    files = [*deployed, *(TOP / "docs").glob("*.md"), *(TOP / "postmaster").rglob("*.py")]
    texts = [path.read_text() for path in (TOP / "README.md", *files) if path.is_file()]
    spoken_of = {name for text in texts for name in re.findall(r"\bPOSTMASTER_[A-Z_]+[A-Z]\b", text)}
    assert spoken_of == NAMED.keys() | {name for name, *_ in OTHER_VARIABLES if name.startswith("POSTMASTER_")}


def test_the_deployed_example_is_made_from_the_table() -> None:
    """Else: python -m postmaster.config.reference > deploy/postmaster.env"""
    assert (TOP / "deploy" / "postmaster.env").read_text() == example_file()


def test_the_deployed_example_starts_once_its_keys_are_filled_in(data_dir: Path) -> None:
    assigned = dict(re.findall(r"^([A-Z_]+)='(.*)'$", example_file(), re.MULTILINE))
    environment = load_environment({**assigned, "POSTMASTER_DATA_DIR": str(data_dir)})
    assert (environment.log_format, environment.trusted_proxies) == ("json", 1)


def test_nothing_in_the_deployed_example_is_left_to_be_evaluated() -> None:
    assert "$(" not in example_file()


def test_the_reference_has_a_row_for_each_variable() -> None:
    _, _, *rows = markdown_rows()
    assert len(rows) == len(VARIABLES) + len(OTHER_VARIABLES)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
    assert "| `POSTMASTER_WORKERS` | How many processes of the worker fetch mail. | 1 to 64 | `2` |" in rows
