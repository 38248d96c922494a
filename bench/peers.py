"""Other programs that take mail from a mailbox and keep it, each in a folder or a database of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from bench.contenders import USER, Lap
from tests.servers.dovecot import PASSWORD

SECONDS = 600
"""After which a peer is given up."""

MAIL_USER = "nobody"
"""Whose the mail is where we are root: getmail6 keeps none for root."""

WHEELS = ("getmail6==6.20.2", "django-mailbox==4.10.1", "Django==5.2.19")

MBSYNC = """
FSync yes

IMAPAccount bench
Host 127.0.0.1
Port {port}
User {user}
Pass "{password}"
SSLType None
AuthMechs LOGIN

IMAPStore far
Account bench

MaildirStore near
Path {folder}/near/
Inbox {folder}/near/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Sync Pull
Create Near
SyncState *
"""

MPOP = """
account default
host 127.0.0.1
port {port}
auth user
user {user}
password {password}
tls off
keep off
received_header off
uidls_file {folder}/uidls
delivery maildir {folder}/near
"""

# procmail is who keeps the mail, as fetchmail's own manual has it.
FETCHMAIL = """
poll 127.0.0.1 protocol imap port {port}
user "{user}" password "{password}" sslproto ''
fetchall no keep batchlimit 0 fetchlimit 0
mda "procmail {folder}/procmailrc"
"""
PROCMAIL = """
MAILDIR={folder}/near
DEFAULT={folder}/near/
LOGFILE={folder}/procmail.log
"""

GETMAIL = """
[retriever]
type = SimpleIMAPRetriever
server = 127.0.0.1
port = {port}
username = {user}
password = {password}

[destination]
type = Maildir
path = {folder}/near/
{owner}

[options]
delete = true
read_all = true
verbose = 0
delivered_to = false
received = false
"""

DJANGO_MAILBOX = """
import sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django_mailbox"],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "{folder}/db.sqlite3"}}}},
    MEDIA_ROOT="{folder}/media", DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True,
)
django.setup()
from django.core.management import call_command
from django_mailbox.models import Mailbox
if sys.argv[1:] == ["prepare"]:
    call_command("migrate", verbosity=0)
    Mailbox.objects.create(name="bench", uri="imap://{user}:{quoted}@127.0.0.1:{port}")
else:
    for mailbox in Mailbox.objects.all():
        for _ in mailbox.get_new_mail():
            pass
"""


@dataclass(frozen=True)
class Peer:
    """A program: the files that it is set up by, and its commands, of which only the last is measured. ``deletes``: on
    the server.
    """

    name: str
    files: Mapping[str, str]
    commands: Sequence[Sequence[str]]
    deletes: bool = True


class PlacedPeer:
    """A peer before a mailbox: a contender. Each lap begins in an empty folder."""

    def __init__(self, peer: Peer, folder: Path, port: int) -> None:
        self.name, self.deletes = peer.name, peer.deletes
        self._folder = folder
        owner = f"user = {MAIL_USER}" if os.geteuid() == 0 else ""
        secrets = {"user": USER, "password": PASSWORD, "quoted": quote(PASSWORD)}
        values = {"folder": folder, "port": port, "owner": owner, **secrets}
        self._files = {name: text.format(**values) for name, text in peer.files.items()}
        self._commands = [[word.format(**values) for word in command] for command in peer.commands]

    def empty_mailbox(self) -> Lap:
        """Begin anew, and run. Raises RuntimeError if it fails."""
        self._begin()
        *before, command = self._commands
        for words in before:
            self._run(words)
        start = time.perf_counter()
        self._run(command)
        seconds = time.perf_counter() - start
        return Lap(seconds, seconds)

    def _begin(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        for name in ("cur", "new", "tmp"):
            (self._folder / "near" / name).mkdir(parents=True)
        for name, text in self._files.items():
            file = self._folder / name
            file.write_text(text)
            file.chmod(0o600)  # they refuse what others can read
        for path in (self._folder / "near").glob("**") if os.geteuid() == 0 else ():
            shutil.chown(path, MAIL_USER)

    def _run(self, words: Sequence[str]) -> None:
        environ = {**os.environ, "HOME": str(self._folder), "FETCHMAILHOME": str(self._folder)}
        done = subprocess.run(words, env=environ, cwd=self._folder, capture_output=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr.decode(errors='replace')[-500:]}")


def imap_peers(programs: Path | None) -> Iterator[Peer]:
    """Those over IMAP that can be had here. ``programs``: where those from PyPI are, if they are."""
    if shutil.which("mbsync"):
        yield Peer("mbsync", {"rc": MBSYNC}, [("mbsync", "-q", "-c", "{folder}/rc", "-a")], deletes=False)
    if shutil.which("fetchmail") and shutil.which("procmail"):
        command = ("fetchmail", "--silent", "--fetchmailrc", "{folder}/rc")
        yield Peer("fetchmail", {"rc": FETCHMAIL, "procmailrc": PROCMAIL}, [command])
    if programs:
        getmail = (str(programs / "getmail"), "--getmaildir", "{folder}", "--rcfile", "rc")
        yield Peer("getmail6", {"rc": GETMAIL}, [getmail])
        django = (str(programs / "python"), "{folder}/bench.py")
        yield Peer("django-mailbox", {"bench.py": DJANGO_MAILBOX}, [(*django, "prepare"), django])


def pop3_peers() -> Iterator[Peer]:
    """Those over POP3 that can be had here."""
    if shutil.which("mpop"):
        yield Peer("mpop", {"rc": MPOP}, [("mpop", "-q", "-C", "{folder}/rc", "-a")])


def pypi_programs(folder: Path) -> Path | None:
    """A folder of programs with those peers that are on PyPI; None if they cannot be had."""
    python = folder / "venv" / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], capture_output=True, check=True)
        install = (python, "-m", "pip", "install", "--quiet", *WHEELS)
        subprocess.run(install, capture_output=True, check=True, timeout=SECONDS)
    except (subprocess.SubprocessError, OSError):
        return None
    return python.parent
