"""The connection test tells how far it gets, and changes nothing."""

from __future__ import annotations

import pytest

from postmaster.sources.base import Endpoint
from postmaster.sources.open import list_folders
from postmaster.sources.probe import ProbeStage, probe
from tests.servers.fixtures import Certificates, TestMailbox
from tests.servers.scripted import ImapServer
from tests.sources.support import TYPES, at, at_script, mails

STAGES = ["dns", "connect", "tls", "login", "folder", "delete"]


def states(stages: list[ProbeStage]) -> str:
    """The states as one word: o, f or s each."""
    return "".join(stage.state[0] for stage in stages)


@pytest.mark.parametrize("type_", TYPES)
def test_a_good_account_passes_every_stage_and_keeps_its_mail(
    mailbox: TestMailbox, certificates: Certificates, type_: str
) -> None:
    mailbox.deliver(*mails(3))
    stages = list(probe(at(mailbox, type_, ca_file=certificates.ca_file)))
    assert [stage.stage for stage in stages] == STAGES
    assert states(stages) == ("oosooo" if type_ in ("IMAP", "POP3") else "oooooo")
    assert "3 messages" in stages[4].detail
    assert mailbox.count() == 3
    assert len(mailbox.messages()) == 3


def test_the_stage_tls_shows_the_certificate(mailbox: TestMailbox, certificates: Certificates) -> None:
    tls = list(probe(at(mailbox, "IMAPS", ca_file=certificates.ca_file)))[2]
    assert tls.certificate is not None
    assert tls.certificate.names == ("localhost", "127.0.0.1")
    assert certificates.valid.fingerprint() in tls.detail
    assert set(tls.as_dict()) == {"stage", "state", "ms", "detail", "advice"}


@pytest.mark.parametrize(("expected", "code", "options"), [
    ("ofssss", "connect-refused", {"port": 1}),
    ("fsssss", "host-unknown", {"host": "no-such-host.invalid"}),
    ("oofsss", "certificate-untrusted", {"host": "127.0.0.2"}),
    ("ooofss", "login-refused", {"password": "wr0ng"}),
    ("oooofs", "folder-missing", {"folder": "Missing"}),
    ("ooooof", "folder-read-only", {"folder": "Shared"}),
    ("ooooof", "folder-read-only", {"folder": "Unexpungeable"}),
])  # fmt: skip
def test_the_first_stage_that_fails_is_told_with_what_to_do_and_the_rest_is_skipped(
    mailbox: TestMailbox, certificates: Certificates, expected: str, code: str, options: dict[str, object]
) -> None:
    for folder, rights in {"Shared": "lr", "Unexpungeable": "lrswt"}.items():
        mailbox.deliver(*mails(1), folder=folder)
        mailbox.server.restrict(mailbox.user, rights, folder)
    fields = vars(at(mailbox, "IMAPS", ca_file=certificates.ca_file)) | options
    stages = list(probe(Endpoint(**fields)))
    assert states(stages) == expected
    failed = stages[expected.index("f")]
    assert failed.error is not None
    assert failed.error.code == code
    assert failed.detail
    assert failed.advice


def test_the_servers_words_are_part_of_the_detail() -> None:
    with ImapServer({"LOGIN": b"{tag} NO [UNAVAILABLE] down for repair\r\n"}) as server:
        stages = list(probe(at_script(server)))
    assert "down for repair" in stages[3].detail


def test_a_pop3_mailbox_has_no_folders_to_choose_from(mailbox: TestMailbox) -> None:
    assert list_folders(at(mailbox, "POP3")) == []
