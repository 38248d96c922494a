"""Every type of account, against a real server and every kind of certificate."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509 import AuthorityKeyIdentifier

from postmaster.accounts.types import Protocol
from postmaster.oauth.token_diagnosis import EXCHANGE_NAMES
from postmaster.sources.dial import peek_certificate
from postmaster.sources.open import open_source
from postmaster.sources.protocols import PROTOCOLS
from postmaster.sources.tls import shared_context
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates, TestMailbox, new_mailbox
from tests.servers.pop3 import Pop3Server
from tests.servers.scripted import ImapServer, ScriptedServer
from tests.sources.support import TLS_TYPES, TYPES, at, at_script, mail, mails, opened, refused, taken

VALID, SELF_SIGNED, EXPIRED, OTHER_NAME = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"


@pytest.mark.parametrize("protocol", Protocol)
def test_each_protocol_has_a_row_in_the_tables(protocol: Protocol) -> None:
    assert protocol in PROTOCOLS
    assert protocol in EXCHANGE_NAMES


@pytest.mark.parametrize("type_", TYPES)
def test_mail_is_listed_read_as_it_is_and_deleted(mailbox: TestMailbox, certificates: Certificates, type_: str) -> None:
    raws = [
        *mails(7),
        mail("long", 300_000),
        b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n",
        b"Subject: \xff\xe4\r\n\r\n\x01\r\n",
    ]
    mailbox.deliver(*raws)
    texts, deletions = taken(opened(at(mailbox, type_, ca_file=certificates.ca_file)))
    assert texts == raws
    assert len(deletions.confirmed) == len(raws)
    assert not deletions.left
    assert mailbox.count() == 0


@pytest.mark.parametrize("type_", TYPES)
def test_a_session_that_only_looks_reads_everything_and_changes_nothing(
    mailbox: TestMailbox, certificates: Certificates, type_: str
) -> None:
    mailbox.deliver(*mails(3))
    texts, deletions = taken(opened(at(mailbox, type_, ca_file=certificates.ca_file), read_only=True))
    assert texts == mailbox.messages()
    assert (len(texts), len(deletions.left), len(deletions.confirmed)) == (3, 3, 0)
    assert all("S" not in file.name.rpartition(",")[2] for file in mailbox.server.maildir(mailbox.user).files())


@pytest.mark.parametrize("type_", TYPES)
def test_an_empty_mailbox_is_no_error(mailbox: TestMailbox, certificates: Certificates, type_: str) -> None:
    source = opened(at(mailbox, type_, ca_file=certificates.ca_file))
    assert taken(source)[0] == []


@pytest.mark.parametrize("type_", TYPES)
def test_mail_stays_when_the_session_is_dropped_before_it_was_deleted(
    mailbox: TestMailbox, certificates: Certificates, type_: str
) -> None:
    mailbox.deliver(*mails(3))
    source = opened(at(mailbox, type_, ca_file=certificates.ca_file))
    list(source.read(source.list()))
    source.abort()
    assert mailbox.count() == 3


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("password", ["pässwörd ✓", 'quote " and \\ backslash', "blank at the end "])
def test_passwords_of_any_characters_sign_in(
    dovecot: Dovecot, certificates: Certificates, type_: str, password: str
) -> None:
    mailbox = new_mailbox(dovecot, password)
    mailbox.deliver(*mails(1))
    assert len(taken(opened(at(mailbox, type_, ca_file=certificates.ca_file)))[0]) == 1


# Certificates


def pin(certificates: Certificates, host: str, algorithm: str = "sha256") -> str:
    return certificates.by_address[host].fingerprint(algorithm)


@pytest.mark.parametrize("type_", TLS_TYPES)
@pytest.mark.parametrize("host", [SELF_SIGNED, EXPIRED, OTHER_NAME])
@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "sha512"])
def test_a_certificate_with_the_right_fingerprint_is_accepted_whatever_else_is_wrong_with_it(
    mailbox: TestMailbox, certificates: Certificates, type_: str, host: str, algorithm: str
) -> None:
    fingerprint = pin(certificates, host, algorithm)
    assert taken(opened(at(mailbox, type_, host, ssl_fingerprint=fingerprint)))[0] == []


@pytest.mark.parametrize("type_", TLS_TYPES)
@pytest.mark.parametrize("host", [SELF_SIGNED, EXPIRED, OTHER_NAME])
def test_without_verification_any_certificate_is_accepted(mailbox: TestMailbox, type_: str, host: str) -> None:
    assert taken(opened(at(mailbox, type_, host, ssl_verify=False)))[0] == []


@pytest.mark.parametrize("type_", TLS_TYPES)
def test_a_certificate_for_another_name_is_accepted_if_that_name_is_entered(
    mailbox: TestMailbox, certificates: Certificates, type_: str
) -> None:
    endpoint = at(mailbox, type_, OTHER_NAME, ca_file=certificates.ca_file, ssl_verifycn_name="mail.example.org")
    assert taken(opened(endpoint))[0] == []


def refusals(certificates: Certificates) -> dict[str, tuple[str, dict[str, object]]]:
    """Kinds of refused certificates: at which address, with which settings."""
    trusted = {"ca_file": certificates.ca_file}
    wrong = {"ssl_fingerprint": pin(certificates, SELF_SIGNED)}
    return {
        "certificate-untrusted": (SELF_SIGNED, trusted),
        "certificate-untrusted, CA unknown": (VALID, {}),
        "certificate-expired": (EXPIRED, trusted),
        "certificate-expired, with its name": (EXPIRED, trusted | {"ssl_verifycn_name": "localhost"}),
        "certificate-name": (OTHER_NAME, trusted),
        "certificate-name, VerifyCN wrong": (VALID, trusted | {"ssl_verifycn_name": "mail.example.org"}),
        "fingerprint-mismatch": (OTHER_NAME, trusted | wrong),
        "fingerprint-mismatch, valid certificate": (VALID, trusted | wrong),
        "fingerprint-mismatch, verification off": (VALID, wrong | {"ssl_verify": False}),
    }


KINDS = (
    "certificate-untrusted",
    "certificate-untrusted, CA unknown",
    "certificate-expired",
    "certificate-expired, with its name",
    "certificate-name",
    "certificate-name, VerifyCN wrong",
    "fingerprint-mismatch",
    "fingerprint-mismatch, valid certificate",
    "fingerprint-mismatch, verification off",
)


@pytest.mark.parametrize("type_", TLS_TYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_is_not_right_is_refused_before_anything_secret_is_sent(
    mailbox: TestMailbox, certificates: Certificates, type_: str, kind: str
) -> None:
    host, options = refusals(certificates)[kind]
    error = refused(at(mailbox, type_, host, **options))
    assert (error.code, error.stage) == (kind.partition(",")[0], "tls")
    # The log is written in order, so a login would stand before that of a session that came later.
    marker = new_mailbox(mailbox.server)
    taken(opened(at(marker)))
    log = mailbox.server.wait_for_log(f"Login: user=<{marker.user}>")
    assert mailbox.user not in log


@pytest.mark.parametrize("type_", TLS_TYPES)
def test_a_server_whose_certificate_is_refused_never_sees_a_credential(certificates: Certificates, type_: str) -> None:
    kind = (
        {"certificate": certificates.self_signed}
        if type_.endswith("S") and "TLS" not in type_
        else {"starttls": certificates.self_signed}
    )
    server: ScriptedServer = (
        ImapServer(capability=b"IMAP4rev1 STARTTLS AUTH=PLAIN", **kind)
        if type_.startswith("IMAP")
        else Pop3Server(**kind)
    )
    with server:
        assert refused(at_script(server, type_)).code == "certificate-untrusted"
    said = b" ".join(server.received).upper()
    assert not any(word in said for word in (b"LOGIN", b"AUTHENTICATE", b"USER", b"PASS", b"AUTH ", b"ANNA"))


def test_the_refusal_names_the_names_the_certificate_is_made_out_to(
    mailbox: TestMailbox, certificates: Certificates
) -> None:
    error = refused(at(mailbox, "IMAPS", OTHER_NAME, ca_file=certificates.ca_file))
    assert "mail.example.org" in error.message


def test_the_refusal_names_the_fingerprint_that_the_server_shows(
    mailbox: TestMailbox, certificates: Certificates
) -> None:
    error = refused(at(mailbox, "IMAPS", SELF_SIGNED, ssl_fingerprint=pin(certificates, VALID, "sha512")))
    assert pin(certificates, SELF_SIGNED, "sha512") in error.message


@pytest.mark.parametrize("type_", TLS_TYPES)
def test_a_certificate_can_be_looked_at_though_it_is_not_trusted(
    mailbox: TestMailbox, certificates: Certificates, type_: str
) -> None:
    wrong = pin(certificates, VALID)
    facts = peek_certificate(at(mailbox, type_, OTHER_NAME, ssl_fingerprint=wrong))
    assert facts.fingerprint == pin(certificates, OTHER_NAME)
    assert facts.names == ("mail.example.org",)
    assert (facts.issuer, facts.self_signed) == ("CN=Test CA", False)


@pytest.mark.parametrize("type_", ["IMAPTLS", "POP3TLS"])
def test_a_server_without_starttls_gets_no_credential(type_: str) -> None:
    server = ImapServer() if type_ == "IMAPTLS" else Pop3Server()
    with server:
        error = refused(at_script(server, type_))
    assert (error.code, error.stage) == ("starttls-missing", "tls")
    assert set(server.received) <= {b"CAPA"} or all(line.endswith(b"CAPABILITY") for line in server.received)


def test_a_ca_file_without_certificates_is_named(mailbox: TestMailbox, certificates: Certificates) -> None:
    error = refused(at(mailbox, "IMAPS", ca_file=certificates.valid.key_file))
    assert error.code == "ca-file-unusable"
    assert str(certificates.valid.key_file) in error.message


@pytest.mark.usefixtures("strict_default")
@pytest.mark.parametrize("type_", TLS_TYPES)
def test_a_chain_without_key_identifiers_is_trusted_in_each_python(
    mailbox: TestMailbox, certificates: Certificates, type_: str
) -> None:
    shown = x509.load_der_x509_certificate(certificates.valid.der)
    assert AuthorityKeyIdentifier.oid not in [each.oid for each in shown.extensions]
    mailbox.deliver(mail("in-house CA"))
    texts, _ = taken(opened(at(mailbox, type_, ca_file=certificates.ca_file)))
    assert texts == [mail("in-house CA")]


def test_the_servers_own_certificate_is_enough_whoever_signed_it(
    mailbox: TestMailbox, certificates: Certificates
) -> None:
    mailbox.deliver(mail("named"))
    texts, _ = taken(opened(at(mailbox, "IMAPS", ca_file=certificates.valid.cert_file)))
    assert texts == [mail("named")]
    error = refused(at(mailbox, "IMAPS", OTHER_NAME, ca_file=certificates.valid.cert_file))
    assert error.code == "certificate-untrusted"


def test_contexts_are_shared_by_connections_alike(certificates: Certificates) -> None:
    assert shared_context(True, certificates.ca_file) is shared_context(True, certificates.ca_file)
    assert shared_context(True, None) is not shared_context(False, None)


@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
def test_a_credential_that_would_end_a_command_is_not_sent(character: str) -> None:
    with ImapServer() as server:
        error = refused(at_script(server, password=f"a{character}b"))
    assert error.code == "credential-unusable"
    assert not any(b"LOGIN" in line for line in server.received)


def test_open_source_says_what_session_limit_holds(mailbox: TestMailbox) -> None:
    limits = []
    for type_ in ("IMAP", "POP3"):
        source = open_source(at(mailbox, type_), deadline_seconds=60, reconnect_after=20)
        limits.append(source.session_limit)
        source.close()
    assert limits == [None, 20]
