"""What the tests of the intake share: accounts on real servers, and what became of their mail."""

from __future__ import annotations

import pytest

from tests.conftest import Run
from tests.intake.support import Desk
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import Certificates, TestMailbox, new_mailbox


@pytest.fixture
def environ(environ: dict[str, str], certificates: Certificates) -> dict[str, str]:
    """The environment of the app, which trusts the CA of the test servers."""
    return {**environ, "POSTMASTER_CA_FILE": str(certificates.ca_file)}


@pytest.fixture
def desk(run: Run) -> Desk:
    """The app by its command line."""
    return Desk(run)


@pytest.fixture
def other_mailbox(dovecot: Dovecot) -> TestMailbox:
    """A second mailbox on the same server."""
    return new_mailbox(dovecot)
