"""Where PostMaster may connect to, and what is said of what answers there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
import requests
from flask import Flask

from postmaster.config import load_environment
from postmaster.errors import ConfigError, MailError
from postmaster.oauth.http import secure
from postmaster.sources.networks import check_addresses
from tests.servers.scripted import ImapServer
from tests.support import Desk

# What answers at a port that is no mail server's.
BANNERS = (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", b"220 secret.example.com ESMTP\r\n", b"HTTP/1.1 400 Bad\r\n")


def verdict(address: str, *networks: str) -> str:
    """The code with which a connection to ``address`` is refused; empty if it is not."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        check_addresses("mail.example.com", [(family, (address, 993))], tuple(map(ip_network, networks)))
    except MailError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
    ],
)
def test_metadata_and_link_local_addresses_are_forbidden_at_first(app: Flask, address: str) -> None:
    assert verdict(address, *map(str, app.config["SETTINGS"].forbidden_networks)) == "address-forbidden"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1"])
def test_other_addresses_are_not(app: Flask, address: str) -> None:
    assert verdict(address, *map(str, app.config["SETTINGS"].forbidden_networks)) == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1"])
def test_loopback_can_be_forbidden_in_all_its_forms(address: str) -> None:
    assert verdict(address, "127.0.0.0/8", "::1/128") == "address-forbidden"


@pytest.mark.parametrize("value", ["10.0.0.1/8", "example.com", "10.0.0.0/33", "none,10.0.0.0/8"])
def test_a_network_that_is_none_is_refused(environ: dict[str, str], value: str) -> None:
    with pytest.raises(ConfigError, match="POSTMASTER_FORBIDDEN_NETWORKS has “"):
        load_environment({**environ, "POSTMASTER_FORBIDDEN_NETWORKS": value})


def test_no_network_need_be_forbidden(environ: dict[str, str]) -> None:
    assert load_environment({**environ, "POSTMASTER_FORBIDDEN_NETWORKS": "none"}).forbidden_networks == ()


@pytest.mark.parametrize("command", ["test", "certificate", "folders", "preview"])
def test_no_command_reaches_a_forbidden_address(app: Flask, desk: Desk, command: str) -> None:
    with ImapServer({}) as server:
        forbid(app, "127.0.0.0/8")
        credential = desk.credential("ada", "secret-password")
        account = desk.add_account(type="IMAP", host="localhost.", port=server.port, credential=credential)
        result = desk.run("account", command, account)
    assert result.exit_code == 1
    assert "where PostMaster may not connect to" in result.stdout + result.stderr


def test_no_fetch_reaches_a_forbidden_address(app: Flask, desk: Desk) -> None:
    forbid(app, "127.0.0.0/8")
    credential = desk.credential("ada", "secret-password")
    desk.add_account(type="IMAP", host="127.0.0.1", port=1, credential=credential)
    row = desk.fetch_one(code=1)
    assert (row["error"]["code"], row["error"]["stage"]) == ("address-forbidden", "dns")
    assert "POSTMASTER_FORBIDDEN_NETWORKS" in row["error"]["advice"]


def forbid(app: Flask, *networks: str) -> None:
    """Forbid these networks in the app's configuration."""
    object.__setattr__(app.config["SETTINGS"], "forbidden_networks", tuple(map(ip_network, networks)))


def test_no_identity_provider_is_asked_at_a_forbidden_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, requests.Session() as session:
        listener.settimeout(0.2)
        deadline = secure(session, None, (ip_network("127.0.0.0/8"),))
        try:
            with pytest.raises(MailError) as refusal:
                session.post(f"https://localhost:{listener.getsockname()[1]}/token")
            with pytest.raises(TimeoutError):
                listener.accept()
        finally:
            deadline.cancel()
    assert refusal.value.code == "address-forbidden"


def test_the_address_that_was_checked_is_the_one_connected_to(
    app: Flask, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(app, "127.0.0.9/32")
    asked: list[str] = []
    real: Callable[..., Any] = socket.getaddrinfo

    def rebinding(host: str, port: int, *args: Any, **options: Any) -> Any:
        if host != "rebind.example.com":
            return real(host, port, *args, **options)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.9", port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    credential = desk.credential("ada", "secret-password")
    account = desk.add_account(type="IMAP", host="rebind.example.com", port=1, credential=credential)
    result = desk.run("account", "test", account)
    assert asked == ["rebind.example.com"]
    assert "127.0.0.1" in result.stdout


@pytest.mark.parametrize("kind", ["IMAP", "POP3"])
@pytest.mark.parametrize(
    "banner", [b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", b"220 secret.example.com ESMTP\r\n", b"HTTP/1.1 400 Bad\r\n"]
)
def test_words_of_what_is_no_mail_server_are_not_shown(desk: Desk, kind: str, banner: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(banner)
                connection.recv(100)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        credential = desk.credential("ada", "secret-password")
        account = desk.add_account(type=kind, host="127.0.0.1", port=listener.getsockname()[1], credential=credential)
        result = desk.run("account", "test", account)
        thread.join()
    assert "does not speak" in result.stdout
    assert "OpenSSH" not in result.stdout + result.stderr
    assert "Debian" not in result.stdout + result.stderr
    assert "secret.example.com" not in result.stdout + result.stderr


def bound(desk: Desk, hosts: str) -> str:
    """A credential that may be used at ``hosts``."""
    options = ("--kind", "basic", "--name", "bound", "--username", "ada", "--hosts", hosts)
    desk.ok("credential", "add", *options, "--password-stdin", input="secret-password\n")
    return "bound"


@pytest.mark.parametrize("host", ["imap.example.com", "IMAP.Example.com", "a.example.org", "a.b.example.org"])
def test_a_credential_is_used_where_it_belongs(desk: Desk, host: str) -> None:
    desk.add_account(type="IMAPS", host=host, credential=bound(desk, "imap.example.com *.example.org"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "example.com", "example.org", "imap.example.com.evil.net", "evilexample.org"]
)
def test_a_credential_is_refused_elsewhere(desk: Desk, host: str) -> None:
    name = bound(desk, "imap.example.com *.example.org")
    result = desk.run("account", "add", "--type", "IMAPS", "--host", host, "--credential", name)
    assert result.exit_code == 2
    assert "may be used at imap.example.com, *.example.org only" in result.stderr
    assert "credential-elsewhere" in result.stderr


def test_nothing_is_sent_where_a_credential_that_was_bound_later_does_not_belong(desk: Desk) -> None:
    credential = desk.credential("ada", "secret-password")
    with ImapServer({}) as server:
        account = desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        desk.ok("credential", "set", credential, "--hosts", "imap.example.com")
        assert desk.fetch_one(code=1)["error"]["code"] == "credential-elsewhere"
        assert "may be used at imap.example.com only" in desk.run("account", "test", account).stdout


def test_accounts_outside_of_hosts_that_are_narrowed_are_named_at_once_and_fail_until_it_is_mended(desk: Desk) -> None:
    credential = desk.credential("ada", "secret-password")
    with ImapServer({}) as server:
        inside = desk.add_account(type="IMAPS", host="imap.example.com", credential=credential)
        outside = desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        result = desk.ok("credential", "set", credential, "--hosts", "imap.example.com")
        assert f"ada@{server.host} (account {outside})" in result.stderr
        assert f"account {inside}" not in result.stderr
        shown = desk.ok("account", "show", outside, "--json").json
        assert (shown["health"], shown["error"]["code"]) == ("failing", "credential-elsewhere")
        assert desk.ok("account", "show", inside, "--json").json["health"] == "never"
        hosts = f"imap.example.com, {server.host}"
        desk.ok("credential", "set", credential, "--hosts", hosts, "--password-stdin", input="secret-password")
        assert desk.fetch("--account", outside)["accounts"][0]["error"] is None


@pytest.mark.parametrize(
    ("before", "after", "wider"),
    [
        ("", "imap.example.com", False),
        ("imap.example.com", "", True),
        ("imap.example.com", "imap.example.com, evil.example.net", True),
        ("imap.example.com", "*.example.com", True),
        ("*.example.com", "imap.example.com", False),
        ("*.example.com", "*.mail.example.com", False),
        ("*.mail.example.com", "*.example.com", True),
        ("a.example.com, b.example.com", "b.example.com", False),
    ],
)
def test_only_who_enters_the_secret_again_may_widen_hosts(desk: Desk, before: str, after: str, wider: bool) -> None:
    name = bound(desk, before)
    result = desk.run("credential", "set", name, "--hosts", after)
    assert result.exit_code == (2 if wider else 0)
    assert ("hosts-widened" in result.stderr) is wider
    desk.ok("credential", "set", name, "--hosts", after, "--password-stdin", input="secret-password\n")


@pytest.mark.parametrize("hosts", ["*", "*.", "https://a.example", "a b_c!", "*.*.example.com"])
def test_hosts_that_are_none_are_refused(desk: Desk, hosts: str) -> None:
    options = ("--kind", "basic", "--name", "x", "--username", "ada", "--hosts", hosts)
    assert desk.run("credential", "add", *options, "--password-stdin", input="secret\n").exit_code == 2


def test_hosts_are_exported_and_imported(desk: Desk) -> None:
    bound(desk, "imap.example.com")
    document = desk.ok("credential", "export").stdout
    assert "imap.example.com" in document
    desk.ok("credential", "delete", "bound", "--yes")
    desk.ok("credential", "import", "-", input=document)
    assert "imap.example.com" in desk.ok("credential", "export").stdout
