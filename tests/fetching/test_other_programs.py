"""The same mailbox of odd messages, fetched by us and by programs that many trust: every byte alike."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from postmaster.database import read_session
from postmaster.desk.models import RawMail
from postmaster.desk.rawmail import unpack
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail

HEAD = b"From: ada@example.net\r\nTo: desk@example.org\r\nMessage-ID: <%d@example.net>\r\nSubject: odd\r\n\r\n"

BODIES = (
    b".\r\n..\r\n...\r\n.x\r\nlone dots\r\n",
    b"no line end at its end",
    b"bare line feeds\nand more\n",
    b"\r\n\r\n\r\nblank lines around\r\n\r\n\r\n",
    b"",
    b"From the start\r\n>From another\r\n",
    b")\r\n* 1 FETCH (UID 1 BODY[] {5}\r\nA1 OK done\r\n",
    b"+OK\r\n-ERR no\r\n* BYE\r\n",
    b"an announced literal {10}\r\n",
    b"x" * 100_000 + b"\r\n",
    b"\xff\xfe\x80 eight bits \xc3\xa9\r\n",
    b"\x1b[31m \x07 \x0c \x7f\r\n",
    b"spaces at the end   \r\n\t\r\n",
    b"a carriage return \r in the middle\r\n",
    b"=3D=\r\n=2E\r\n",
)
HEADLESS = (b"Subject: a head without its blank line\r\n", b"no head at all\r\n")
OTHERS = (
    b"\xef\xbb\xbfSubject: a byte order mark\r\n\r\nx\r\n",
    b"From somebody Mon Nov 23 09:12:00 2026\r\nSubject: an envelope of mbox\r\n\r\nx\r\n",
    b"Subject: a field\r\n folded\r\n\tand again\r\nX-Long: " + b"y" * 50_000 + b"\r\n\r\nx\r\n",
    mail("an ordinary one"),
    mail("sent twice"),
)


def odd_messages() -> list[bytes]:
    """All of them; the last stands there twice."""
    return [HEAD % number + body for number, body in enumerate(BODIES)] + [*HEADLESS, *OTHERS, OTHERS[-1]]


def alike(raws: Iterable[bytes], dropped: bytes) -> Counter[bytes]:
    """The messages without what the other program changes: what it drops, and the mark that mbsync leaves."""
    return Counter(re.sub(rb"(?m)^X-TUID: .*\n", b"", re.sub(dropped, b"", raw)) for raw in raws)


def stored(app: Flask) -> list[bytes]:
    """Every message that became a ticket or went to quarantine, as it is kept."""
    with app.app_context(), read_session() as session:
        return [unpack(raw.encoding, raw.data) for raw in session.scalars(select(RawMail))]


def in_maildir(folder: Path) -> list[bytes]:
    """What a program has put there."""
    return [file.read_bytes() for part in ("new", "cur") for file in (folder / part).iterdir()]


def run(program: str, config: Path, *args: object) -> None:
    """Run a program that must succeed."""
    config.chmod(0o600)
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def by_mbsync(mailbox: TestMailbox, folder: Path) -> list[bytes]:
    """What mbsync (isync) fetches by IMAP."""
    (folder / "mail").mkdir()
    config = folder / "mbsyncrc"
    config.write_text(
        f"IMAPAccount desk\nHost 127.0.0.1\nPort {mailbox.server.port('imap')}\nUser {mailbox.user}\n"
        f'Pass "{mailbox.password}"\nSSLType None\nAuthMechs LOGIN\n\n'
        "IMAPStore far\nAccount desk\n\n"
        f"MaildirStore near\nPath {folder}/mail/\nInbox {folder}/mail/INBOX\n\n"
        "Channel desk\nFar :far:INBOX\nNear :near:INBOX\nSync Pull New\nCreate Near\nSyncState *\n"
    )
    run("mbsync", config, "-c", config, "desk")
    return in_maildir(folder / "mail" / "INBOX")


def by_mpop(mailbox: TestMailbox, folder: Path) -> list[bytes]:
    """What mpop fetches by POP3."""
    box = folder / "mail"
    for part in ("new", "cur", "tmp"):
        (box / part).mkdir(parents=True)
    config = folder / "mpoprc"
    config.write_text(
        f"account desk\nhost 127.0.0.1\nport {mailbox.server.port('pop3')}\nuser {mailbox.user}\n"
        f"password {mailbox.password}\ntls off\nauth user\nkeep on\nreceived_header off\n"
        f"delivery maildir {box}\nuidls_file {folder}/uidls\n"
    )
    run("mpop", config, "-C", config, "desk")
    return in_maildir(box)


@dataclass(frozen=True)
class Program:
    """``left`` is what it does not fetch, ``dropped`` what it takes out of lines."""

    name: str
    type: str
    fetch: Callable[[TestMailbox, Path], Sequence[bytes]]
    dropped: bytes
    left: Sequence[bytes] = ()

    def __str__(self) -> str:
        return self.name


PROGRAMS = (
    Program("mbsync", "IMAP", by_mbsync, rb"\r", HEADLESS),  # it wants a blank line at the head's end
    Program("mpop", "POP3", by_mpop, rb"\r(?=\n)"),
)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_every_byte_is_what_another_program_fetches(
    app: Flask, desk: Desk, mailbox: TestMailbox, tmp_path: Path, program: Program
) -> None:
    if shutil.which(program.name) is None:
        pytest.skip(f"{program} is not installed")
    messages = odd_messages()
    mailbox.deliver(*messages)
    theirs = alike([*program.fetch(mailbox, tmp_path), *program.left], program.dropped)
    desk.account(mailbox, program.type)
    row = desk.fetch_one()
    assert (row["found"], row["left"], mailbox.count()) == (len(messages), 0, 0)
    ours = alike(stored(app), program.dropped)
    assert (ours - theirs, theirs - ours) == (Counter(), Counter())
    assert ours.total() == len(messages)
