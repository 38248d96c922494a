"""``flask account discover``: from an address to its server, with real DNS and real mail servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from postmaster import create_app
from postmaster.accounts.providers import PROVIDERS, provider_of
from postmaster.accounts.types import ACCOUNT_TYPES, HOST
from postmaster.config import load_environment
from postmaster.resources.readers import host
from tests.results import Run, runner_of
from tests.servers.dns import DnsServer
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates
from tests.servers.scripted import ImapServer

ADDRESS = "anna@firm.example"

Zone = Mapping[tuple[str, str], Sequence[str]]
Discover = Callable[..., Any]


@pytest.fixture
def zones() -> Iterator[DnsServer]:
    """A DNS server that knows nothing yet."""
    with DnsServer({}) as server:
        yield server


@pytest.fixture
def command(environ: dict[str, str], certificates: Certificates, zones: DnsServer) -> Callable[..., Run]:
    """The command line of an app that asks that DNS server, with further variables."""

    def make(**variables: str) -> Run:
        own = {"POSTMASTER_DNS_SERVERS": zones.address, "POSTMASTER_CA_FILE": str(certificates.ca_file)}
        return runner_of(create_app(load_environment({**environ, **own, **variables})))

    return make


@pytest.fixture
def discover(command: Callable[..., Run], zones: DnsServer) -> Discover:
    """Put records into DNS, and look for the server of ``ADDRESS``."""

    def look(records: Zone, *, code: int = 0, **variables: str) -> Any:
        zones.others = dict(records)
        result = command(**variables)("account", "discover", ADDRESS, "--json")
        assert result.exit_code == code, result.stderr
        return result.json

    return look


def srv(port: int, target: str = "localhost", priority: int = 0) -> str:
    return f"{priority} 1 {port} {target}."


def where(found: Any) -> tuple[Any, ...]:
    return found["type"], found["host"], found["port"], found["username"], found["clue"]


@pytest.mark.parametrize(
    ("service", "port", "kind"),
    [
        ("_imaps", "imaps", "IMAPS"),  # mjl-/mox#366
        ("_imap", "imap", "IMAPTLS"),
        ("_pop3s", "pop3s", "POP3S"),
        ("_pop3", "pop3", "POP3TLS"),
    ],
)
def test_each_service_that_a_domain_names_is_found_with_its_type(
    discover: Discover, dovecot: Dovecot, service: str, port: str, kind: str
) -> None:
    number = dovecot.port(port)
    found = discover({(f"{service}._tcp.firm.example", "SRV"): [srv(number)]})
    assert where(found["found"]) == (kind, "localhost", number, ADDRESS, "srv")
    assert found["found"]["error"] is None
    assert found["notes"] == ["It is not below firm.example. Use it only if you know that it has the mailbox."]
    assert found["foreign"]


def test_a_server_below_the_domain_needs_nobody_to_confirm_it(
    command: Callable[..., Run], zones: DnsServer, dovecot: Dovecot
) -> None:
    zones.others = {("_imaps._tcp.localhost", "SRV"): [srv(dovecot.port("imaps"))]}
    found = command()("account", "discover", "anna@localhost", "--json").json
    assert (found["found"]["host"], found["foreign"], found["notes"]) == ("localhost", False, [])


def test_implicit_tls_comes_before_starttls_and_imap_before_pop3(discover: Discover, dovecot: Dovecot) -> None:
    names = {"_pop3": "pop3", "_imap": "imap", "_imaps": "imaps"}
    zone = {(f"{name}._tcp.firm.example", "SRV"): [srv(dovecot.port(port))] for name, port in names.items()}
    found = discover(zone)
    assert [row["type"] for row in found["tried"] if row["clue"] == "srv"] == ["IMAPS", "IMAPTLS", "POP3TLS"]
    assert found["found"]["type"] == "IMAPS"


def test_a_server_that_does_not_answer_gives_way_to_the_next(discover: Discover, dovecot: Dovecot) -> None:
    port = dovecot.port("imaps")
    found = discover({("_imaps._tcp.firm.example", "SRV"): [srv(port, priority=9), srv(1, priority=0)]})
    assert [row["port"] for row in found["tried"]][:2] == [1, port]
    assert found["found"]["port"] == port


def test_a_service_that_the_domain_says_it_does_not_have_is_not_tried(discover: Discover) -> None:
    found = discover({("_imaps._tcp.firm.example", "SRV"): ["0 0 0 ."]}, code=1)
    assert found["found"] is None
    assert {row["clue"] for row in found["tried"]} == {"guess"}


@pytest.mark.parametrize("record", ["0 firm-example.mail.protection.outlook.com.", "0 firm.g-v1.mx.microsoft."])
def test_mail_that_microsoft_takes_for_a_domain_leads_there(
    discover: Discover, dovecot: Dovecot, record: str
) -> None:  # thunderbird/autoconfig#149
    server = {"POSTMASTER_OUTLOOK_HOST": "localhost", "POSTMASTER_OUTLOOK_PORT": str(dovecot.port("imaps"))}
    found = discover({("firm.example", "MX"): [record]}, **server)
    assert where(found["found"]) == ("Outlook365", "localhost", dovecot.port("imaps"), ADDRESS, "mx")
    assert found["found"]["provider"] == "Microsoft 365"


def test_names_that_are_usual_are_tried_last_and_the_domains_own_exchanger(discover: Discover) -> None:
    found = discover({("firm.example", "MX"): ["20 mx.other.example.", "10 mx1.firm.example."]}, code=1)
    hosts = [row["host"] for row in found["tried"]]
    assert hosts == ["imap.firm.example", "mail.firm.example", "mx1.firm.example"]  # nextcloud/mail#2265
    assert {row["error"]["code"] for row in found["tried"]} == {"host-unknown"}


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("127.0.0.2", "certificate-untrusted"),
        ("127.0.0.3", "certificate-expired"),
        ("127.0.0.4", "certificate-name"),  # mailcow/mailcow-dockerized#3144
    ],
)
def test_a_server_whose_certificate_is_not_good_is_named_but_counts_as_not_found(
    discover: Discover, dovecot: Dovecot, target: str, code: str
) -> None:
    found = discover({("_imaps._tcp.firm.example", "SRV"): [srv(dovecot.port("imaps"), target)]}, code=1)
    assert found["found"]["host"] == target
    assert found["found"]["error"]["code"] == code


def test_a_good_certificate_comes_before_a_doubtful_one(discover: Discover, dovecot: Dovecot) -> None:
    port = dovecot.port("imaps")
    found = discover({("_imaps._tcp.firm.example", "SRV"): [srv(port, "127.0.0.2"), srv(port, priority=7)]})
    assert found["found"]["host"] == "localhost"


def test_no_server_in_a_forbidden_network_is_asked(discover: Discover) -> None:
    with ImapServer({}) as server:
        record = srv(server.port, server.host)
        found = discover(
            {("_imap._tcp.firm.example", "SRV"): [record]}, code=1, POSTMASTER_FORBIDDEN_NETWORKS="127.0.0.0/8"
        )
        assert server.connections == 0
    assert found["tried"][0]["error"]["code"] == "address-forbidden"


@pytest.mark.parametrize("mood", ["silent", "failing"])
def test_dns_that_does_not_answer_leaves_the_usual_names(discover: Discover, zones: DnsServer, mood: str) -> None:
    setattr(zones, mood, True)
    found = discover({("_imaps._tcp.firm.example", "SRV"): [srv(993)]}, code=1)
    assert {row["clue"] for row in found["tried"]} == {"guess"}


def test_a_domain_that_names_many_servers_has_some_of_them_tried(discover: Discover) -> None:
    kinds = ("_imaps", "_imap", "_pop3s", "_pop3")
    zone = {(f"{kind}._tcp.firm.example", "SRV"): [srv(port) for port in range(1, 40)] for kind in kinds}
    assert len(discover(zone, code=1)["tried"]) == 10


def test_it_says_what_to_enter_also_for_an_international_domain(
    command: Callable[..., Run], zones: DnsServer, dovecot: Dovecot
) -> None:
    run, port = command(), dovecot.port("imaps")
    zones.others = {("_imaps._tcp.xn--bro-hoa.example", "SRV"): [srv(port)]}
    result = run("account", "discover", "anna@büro.example")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == f"✓ IMAPS localhost:{port} (named by the domain (SRV)): its certificate is good."
    assert lines[-1] == f"Found: --type IMAPS --host localhost --port {port}, user name anna@büro.example"


@pytest.mark.parametrize("given", [("anna",), ("",), ("a@b c",), (), (ADDRESS, "--stdin")])
def test_what_is_no_address_is_refused(command: Callable[..., Run], given: tuple[str, ...]) -> None:
    result = command()("account", "discover", *given, input="{}")
    assert result.exit_code == 2
    assert result.stderr.startswith(("Error: E-mail Address", "Usage:"))


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.host)
def test_each_provider_is_known_by_its_addresses_and_by_hosts_below(row: Any) -> None:
    assert host(row.host) == row.host
    assert ACCOUNT_TYPES[row.type].has(HOST) or row.type == "Outlook365"
    for domain in row.domains:
        assert provider_of(domain.upper()) == provider_of(f"mx.{domain}.") == row
    assert provider_of(f"not{row.domains[0]}.example") is None


def test_some_sign_in_with_what_stands_before_the_at() -> None:
    apple = provider_of("icloud.com")
    assert apple is not None
    assert apple.login_of("anna@icloud.com") == "anna"
