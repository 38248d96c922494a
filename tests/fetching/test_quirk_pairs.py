"""Two or three quirks of an IMAP server at once, at random: the invariant holds, and the next good run recovers."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postmaster.sources import imap as imap_module
from tests.servers.quirks.books import digests, recorded
from tests.servers.quirks.imap import QuirkyImapServer
from tests.servers.quirks.imap_table import CULPRIT, QUIRKS, Quirk
from tests.servers.quirks.mailbox import Mailbox
from tests.support import Desk, mail

# ``python -m tests.soak.quirks`` plays thousands.
EXAMPLES = int(os.environ.get("QUIRK_EXAMPLES", "100"))
NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of some thousand bytes count as large ones."""
    monkeypatch.setattr(imap_module, "LARGE_BYTES", 4_000)
    monkeypatch.setattr(imap_module, "CHUNK_BYTES", 1_500)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(quirks=st.lists(st.sampled_from(QUIRKS), min_size=2, max_size=3, unique_by=lambda quirk: quirk.session))
def test_quirks_together_neither_lose_nor_double_mail(app: Flask, desk: Desk, quirks: Sequence[Quirk]) -> None:
    number = next(NUMBERS)
    sender = f"a{number}@example.net"
    delivered = [mail(f"{number}-{n}", sender=sender) for n in range(3)]
    delivered.insert(1, mail(f"{number}-odd", sender=sender, body=CULPRIT.decode(), size=600))
    delivered.append(mail(f"{number}-large", sender=sender, size=6_000))
    mailbox = Mailbox(*delivered)
    before = recorded(app)
    with QuirkyImapServer(mailbox) as server:
        credential = desk.credential(f"anna{number}", "correct horse")
        account = desk.add_account(type="IMAP", host=server.host, port=server.port, credential=credential)
        sessions = dict.fromkeys(quirk.session for quirk in quirks)
        server.quirks = tuple(sorted(sessions, key=lambda kind: -len(kind.__mro__)))  # as Python wants bases ordered
        desk.run("fetch", "--json", "--account", account)
        assert not digests(mailbox.deleted) - (recorded(app) - before), "deleted, but not recorded"
        assert not (recorded(app) - before) - digests(delivered), "recorded twice"
        server.quirks = ()
        desk.fetch("--account", account)
        assert not mailbox.messages
        assert recorded(app) - before == digests(delivered)
