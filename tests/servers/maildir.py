"""Dovecot's maildirs, read and written directly: fast for thousands of messages, and behind the server's back."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from imapclient.imap_utf7 import encode as encode_utf7

Owner = tuple[int, int]

# A file name used twice makes Dovecot lose messages, so names count up over the whole process. Dovecot numbers new
# messages in the order of the time in their names.
_COUNTER = itertools.count(1)
_STARTED = int(time.time())


def mail_owner() -> Owner | None:
    """Who mail must belong to. Dovecot never reads mail as root, so root gives it to somebody else; None: to us."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


class Maildir:
    """A folder in Maildir++ layout: INBOX is ``root`` itself, ``["A", "B"]`` is ``root/.A.B``."""

    def __init__(self, root: Path, names: Sequence[str], owner: Owner | None) -> None:
        self._root = root
        inbox = len(names) == 1 and names[0].upper() == "INBOX"
        self.path = root if inbox else root / "".join(f".{encode_utf7(name).decode()}" for name in names)
        self._owner = owner

    def create(self) -> None:
        """Make the folder, if it is not there."""
        for path in (self._root, self.path, *(self.path / name for name in ("cur", "new", "tmp"))):
            if not path.exists():
                path.mkdir()
                self._give(path)
        if self.path != self._root and not (mark := self.path / "maildirfolder").exists():
            mark.touch()
            self._give(mark)

    def deliver(self, raws: Iterable[bytes]) -> None:
        """Put messages into the folder as an MTA would: written to ``tmp``, then moved to ``new``."""
        self.create()
        for raw in raws:
            seconds, micro = divmod(next(_COUNTER), 1_000_000)
            name = f"{_STARTED + seconds}.M{micro:06d}P{os.getpid()}.test"
            draft = self.path / "tmp" / name
            draft.write_bytes(raw)
            self._give(draft)
            draft.rename(self.path / "new" / name)

    def files(self) -> list[Path]:
        """The files of the messages, in the order of delivery."""
        found = [path for name in ("new", "cur") for path in (self.path / name).glob("*")]
        return sorted(found, key=lambda path: path.name)

    def set_uidvalidity(self, value: int, first_uid: int) -> None:
        """Write the numbers Dovecot is to use, and remove what it remembers of others."""
        for path in self.path.glob("dovecot*"):
            if path.is_file() and path.name != "dovecot-acl":
                path.unlink()
        lines = [f"{uid} :{path.name.partition(':')[0]}\n" for uid, path in enumerate(self.files(), start=first_uid)]
        uidlist = self.path / "dovecot-uidlist"
        uidlist.write_text(f"3 V{value} N{first_uid + len(lines)} G{os.urandom(16).hex()}\n{''.join(lines)}")
        self._give(uidlist)

    def restrict(self, rights: str) -> None:
        """Write the folder's access list."""
        file = self.path / "dovecot-acl"
        file.write_text(f"owner {rights}\n")
        self._give(file)

    def clear(self) -> None:
        """Remove its messages."""
        for file in self.files():
            file.unlink()

    def remove(self) -> None:
        """Remove the folder with all its mail."""
        shutil.rmtree(self.path)

    def _give(self, path: Path) -> None:
        if self._owner:
            os.chown(path, *self._owner)
