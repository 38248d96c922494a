"""Two or three quirks of a server at once, at random: the invariant holds, and the next good run recovers."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postmaster.sources import imap as imap_module
from tests.servers.quirks import imap_table, pop3_table
from tests.servers.quirks.books import digests, recorded
from tests.servers.quirks.imap import QuirkyImapServer
from tests.servers.quirks.imap_table import CULPRIT, Quirk
from tests.servers.quirks.mailbox import Mailbox
from tests.servers.quirks.pop3 import QuirkyPop3Server
from tests.support import Desk, mail

# ``python -m tests.soak.quirks`` plays thousands.
EXAMPLES = int(os.environ.get("QUIRK_EXAMPLES", "40"))
NUMBERS = itertools.count()
SERVERS = {"IMAP": QuirkyImapServer, "POP3": QuirkyPop3Server}
# Where the server itself changes what it hands over, what is recorded is not what was delivered; and mail that is
# listed again after its deletion is known by its UIDL, which is another one as soon as the quirks are over.
ALONE = {imap_table.StatusOnceRead, pop3_table.QuitDoesNothing, pop3_table.HangsUpAndDeletesNothing}
TABLES = {
    kind: [quirk for quirk in table.QUIRKS if quirk.session not in ALONE]
    for kind, table in (("IMAP", imap_table), ("POP3", pop3_table))
}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of some thousand bytes count as large ones."""
    monkeypatch.setattr(imap_module, "LARGE_BYTES", 4_000)
    monkeypatch.setattr(imap_module, "CHUNK_BYTES", 1_500)


# A text that is cut short is known by the size that was announced; where that is wrong as well, nobody can tell.
CUT = {imap_table.CutShort, pop3_table.CutShort}
WITHOUT_SIZE = {imap_table.NoSizes, pop3_table.AnnouncesTooLittle}


def can_be_told(quirks: Sequence[Quirk]) -> bool:
    """Whether anything gives away what these servers do to a message."""
    sessions = {quirk.session for quirk in quirks}
    return sessions.isdisjoint(CUT) or sessions.isdisjoint(WITHOUT_SIZE)


def several(type_: str) -> st.SearchStrategy[list[Quirk]]:
    """Two or three quirks of servers for that protocol."""
    chosen = st.lists(st.sampled_from(TABLES[type_]), min_size=2, max_size=3, unique_by=lambda quirk: quirk.session)
    return chosen.filter(can_be_told)


@settings(
    max_examples=EXAMPLES // len(SERVERS),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
@pytest.mark.parametrize("type_", SERVERS)
def test_quirks_together_neither_lose_nor_double_mail(app: Flask, desk: Desk, type_: str, data: st.DataObject) -> None:
    combined = data.draw(several(type_))
    number = next(NUMBERS)
    sender = f"a{number}@example.net"
    delivered = [mail(f"{number}-{n}", sender=sender) for n in range(3)]
    delivered.insert(1, mail(f"{number}-odd", sender=sender, body=CULPRIT.decode(), size=600))
    delivered.append(mail(f"{number}-large", sender=sender, size=6_000))
    mailbox = Mailbox(*delivered)
    before = recorded(app)
    with SERVERS[type_](mailbox) as server:
        credential = desk.credential(f"anna{number}", "correct horse")
        account = desk.add_account(type=type_, host=server.host, port=server.port, credential=credential)
        sessions = dict.fromkeys(quirk.session for quirk in combined)
        server.quirks = tuple(sorted(sessions, key=lambda kind: -len(kind.__mro__)))  # as Python wants bases ordered
        desk.run("fetch", "--json", "--account", account)
        assert not digests(mailbox.deleted) - (recorded(app) - before), "deleted, but not recorded"
        assert not (recorded(app) - before) - digests(delivered), "recorded twice"
        server.quirks = ()
        desk.fetch("--account", account)
        assert not mailbox.messages
        assert recorded(app) - before == digests(delivered)
