"""What is refused about a mail account: each with exit status 2, a sentence that names the field, and nothing saved."""

from __future__ import annotations

import pytest

from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from tests.cli.support import Admin, options

IMAPS = {"type": "IMAPS", "host": "mail.example.com"}
VALUES = {field.name: "x" for field in TYPE_FIELDS}

REFUSED = {
    "no type": ({}, "Type is missing"),
    "unknown type": ({"type": "SMTP"}, "Type is “SMTP”"),
    "no host": ({"type": "IMAP"}, "Host is missing"),
    "blank host": (IMAPS | {"host": "  "}, "Host is missing"),
    "no address": ({"type": "Outlook365"}, "E-mail Address is missing"),
    "host with protocol": (IMAPS | {"host": "imap://mail.example.com"}, "Host is “imap:"),
    "host with port": (IMAPS | {"host": "mail.example.com:993"}, "Host is “mail.example.com:993”"),
    "host with user": (IMAPS | {"host": "info@mail.example.com"}, "Host is"),
    "host with blank": (IMAPS | {"host": "mail example.com"}, "Host is"),
    "host with empty part": (IMAPS | {"host": "mail..example.com"}, "Host is"),
    "host with hyphen in front": (IMAPS | {"host": "-mail.example.com"}, "Host is"),
    "host of 64 letters": (IMAPS | {"host": "a" * 64 + ".example.com"}, "Host is"),
    "half an IP address": (IMAPS | {"host": "192.0.2"}, "Host is"),
    "host that is not UTF-8": (IMAPS | {"host": "\udcff"}, "Host is"),
    "address without domain": ({"type": "Outlook365", "address": "info"}, "E-mail Address is “info”"),
    "address with name": ({"type": "Outlook365", "address": "Info <i@example.com>"}, "E-mail Address is"),
    "port zero": (IMAPS | {"port": "0"}, "Port is “0”"),
    "port too high": (IMAPS | {"port": "65536"}, "Port is “65536”"),
    "port by name": (IMAPS | {"port": "imaps"}, "Port is “imaps”"),
    "port in other digits": (IMAPS | {"port": "١٤٣"}, "Port is"),
    "folder of two lines": (IMAPS | {"folder": "a\nb"}, "IMAP Folder has a line break"),
    "folder that is too long": (IMAPS | {"folder": "x" * 1001}, "IMAP Folder has 1001 characters"),
    "comment that is not UTF-8": (IMAPS | {"comment": "\udcff"}, "Comment has characters"),
    "SSL Verify": (IMAPS | {"ssl_verify": "maybe"}, "SSL Verify is “maybe”, but must be yes or no"),
    "fingerprint without algorithm": (IMAPS | {"ssl_fingerprint": "00:11"}, "SSL Fingerprint must have"),
    "fingerprint of unknown algorithm": (IMAPS | {"ssl_fingerprint": "crc32$00"}, "SSL Fingerprint uses “crc32”"),
    "fingerprint too short": (IMAPS | {"ssl_fingerprint": "sha1$00"}, "SSL Fingerprint has 2 hexadecimal digits"),
    "VerifyCN": (IMAPS | {"ssl_verifycn_name": "a b"}, "SSL VerifyCN Name is “a b”"),
    "trusted": (IMAPS | {"trusted": "1"}, "Trusted is “1”"),
    "dispatching": (IMAPS | {"dispatching": "cc"}, "Dispatching is “cc”"),
    "empty dispatching": (IMAPS | {"dispatching": ""}, "Dispatching is missing"),
    "dispatching without queue": (IMAPS | {"dispatching": "queue"}, "Queue is missing"),
    "unknown queue": (IMAPS | {"dispatching": "queue", "queue": "Sales"}, "There is no queue “Sales”"),
    "invalid queue": (IMAPS | {"dispatching": "queue", "queue": "Misc"}, "Queue is “Misc”, which is not valid"),
    "queue with dispatching by To": (IMAPS | {"queue": "Raw"}, "Queue is not used with dispatching by the To: field"),
    "validity": (IMAPS | {"validity": "maybe"}, "Validity is “maybe”"),
    "empty validity": (IMAPS | {"validity": ""}, "Validity is missing"),
    "unknown credential": (IMAPS | {"credential": "Nobody"}, "There is no credential “Nobody”"),
}


@pytest.mark.parametrize(("fields", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_account_is_refused_by_a_sentence(admin: Admin, fields: dict[str, str], sentence: str) -> None:
    admin.run("queue", "set", "Misc", "--validity", "invalid")
    result = admin.run("account", "add", *options(dict(fields)))
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert admin.list("account") == []


FOREIGN = [(name, field) for name, row in ACCOUNT_TYPES.items() for field in TYPE_FIELDS if not row.has(field)]


@pytest.mark.parametrize(("name", "field"), FOREIGN, ids=lambda value: getattr(value, "name", value))
def test_a_field_that_the_type_lacks_is_refused(admin: Admin, name: str, field: object) -> None:
    result = admin.run("account", "add", "--type", name, field.option, "x")  # type: ignore[attr-defined]
    assert result.exit_code == 2
    assert f"{field.label} is not a field of accounts of type {name}." in result.stderr  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "2001:db8::1", "[2001:db8::1]", "mail", "mail.example.com.", "müller.example"]
)
def test_hosts_of_every_form_are_taken(admin: Admin, host: str) -> None:
    admin.add_account(host=host)
    assert admin.show("account", 1)["host"] in (host.strip("[]."), "xn--mller-kva.example")


def test_everything_that_is_wrong_is_said_at_once(admin: Admin) -> None:
    fields = {"type": "IMAPS", "port": "x", "ssl_fingerprint": "x", "dispatching": "queue", "validity": "x"}
    lines = admin.run("account", "add", *options(dict(fields))).stderr.splitlines()
    starts = ["Host", "Port", "SSL Fingerprint", "Queue", "Validity"]
    assert [line.removeprefix("Error: ").startswith(start) for line, start in zip(lines, starts, strict=True)] == [
        True
    ] * 5


def test_a_change_of_type_demands_the_fields_of_the_new_one(admin: Admin) -> None:
    admin.add_account()
    result = admin.run("account", "set", 1, "--type", "Outlook365")
    assert (result.exit_code, "E-mail Address is missing" in result.stderr) == (2, True)
    assert admin.show("account", 1)["type"] == "IMAPS"


@pytest.mark.parametrize(
    "second",
    [
        IMAPS,
        IMAPS | {"host": "MAIL.EXAMPLE.COM"},
        IMAPS | {"folder": "inbox"},
        {"type": "IMAP", "host": "mail.example.com", "port": "1143"},
        {"type": "POP3", "host": "mail.example.com."},
    ],
)
def test_a_second_valid_account_on_a_mailbox_is_refused_naming_the_first(
    admin: Admin, second: dict[str, object]
) -> None:
    admin.add_credential()
    admin.add_credential("Same login", "INFO@example.com")
    admin.add_account(credential="C")
    result = admin.run("account", "add", *options({"credential": "Same login"} | second))
    assert result.exit_code == 2
    assert "account 1, info@mail.example.com" in result.stderr
    invalid = admin.run("account", "add", *options({"credential": "Same login", "validity": "invalid"} | second))
    assert invalid.exit_code == 0
    assert admin.run("account", "set", 2, "--validity", "valid").exit_code == 2


def test_a_second_outlook_account_with_the_address_is_refused(admin: Admin) -> None:
    fields = ("--type", "Outlook365", "--address")
    assert admin.run("account", "add", *fields, "Info@example.com").exit_code == 0
    assert "mailbox-taken" in admin.run("account", "add", *fields, "info@Example.com").stderr


def test_another_folder_of_the_same_mailbox_is_fine(admin: Admin) -> None:
    admin.add_credential()
    admin.add_account(credential="C")
    assert admin.add_account(credential="C", folder="Orders") == 2


def test_a_user_name_that_leads_two_accounts_to_one_mailbox_is_refused(admin: Admin) -> None:
    for name in ("info", "sales"):
        admin.add_credential(name, f"{name}@example.com")
        admin.add_account(credential=name)
    result = admin.run("credential", "set", "sales", "--username", "info@example.com")
    assert (result.exit_code, "account 1, info@mail.example.com" in result.stderr) == (2, True)
