"""What the tests of the intake share."""

from __future__ import annotations

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import TestMailbox, new_mailbox


@pytest.fixture
def other_mailbox(dovecot: Dovecot) -> TestMailbox:
    """A second mailbox on the same server."""
    return new_mailbox(dovecot)
