"""A private Dovecot: IMAP and POP3 with and without TLS, maildirs that tests write to and read directly."""

from __future__ import annotations

import base64
import grp
import imaplib
import os
import pwd
import re
import shutil
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.servers.certificates import Certificate
from tests.servers.maildir import Maildir, mail_owner
from tests.servers.ports import free_ports, listening, wait_until
from tests.servers.process import Server

PASSWORD = "correct horse"

# Debian has it where only root's PATH leads.
PROGRAM = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin") or "dovecot"

SERVICES = ("imap", "imaps", "pop3", "pop3s")

CONFIG = """
protocols = imap pop3
listen = {addresses}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
instance_name = {folder.name}
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
mail_max_userip_connections = 1000
mail_plugins = acl notify mail_log
protocol imap {{
  mail_plugins = acl notify mail_log imap_acl
}}
plugin {{
  acl = vfile
  mail_log_events = delete undelete expunge
  mail_log_fields = uid box size
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
}}
first_valid_uid = 0
first_valid_gid = 0
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_chars =
auth_verbose = yes
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users/%u
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  service_count = 0
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
service imap {{
  service_count = 100
}}
service pop3 {{
  service_count = 100
}}
"""

# How it asks an identity provider about access tokens (RFC 7662).
OAUTH2 = """
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
"""
OAUTH2_FILE = """
introspection_mode = post
introspection_url = {url}/introspect
username_attribute = username
active_attribute = active
active_value = true
tls_ca_cert_file = {ca_file}
"""

# Without root nobody can change user or root directory.
WITHOUT_ROOT = """
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service imap-login {{
  chroot =
}}
service pop3-login {{
  chroot =
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot(Server):
    """Dovecot with users of its own.

    ``certificates``: which certificate it shows on which loopback address; without any there is no TLS at all.
    ``imap_capability``: what it says it can do, to hide extensions; they would still work. ``separator``: what
    stands between the names of nested folders. ``settings``: more lines of configuration. ``identity``: address of an
    identity provider whose tokens it takes, and the CA of that.
    """

    stop_signal = signal.SIGTERM

    def __init__(
        self,
        certificates: Mapping[str, Certificate] | None = None,
        *,
        imap_capability: str | None = None,
        separator: str = "/",
        settings: str = "",
        identity: tuple[str, Path] | None = None,
    ) -> None:
        super().__init__()
        self.separator = separator
        self.certificates = dict(certificates or {})
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self.owner = mail_owner()
        self._settings = settings + (f"\nimap_capability = {imap_capability}\n" if imap_capability else "")
        if identity:
            url, ca_file = identity
            own = self.folder / "identity-ca.pem"  # it reads this as a user who cannot enter pytest's folders
            own.write_bytes(ca_file.read_bytes())
            (self.folder / "oauth2.conf").write_text(OAUTH2_FILE.format(url=url, ca_file=own))
            self._settings = OAUTH2.format(folder=self.folder) + self._settings
        self._passwords: dict[str, str] = {}
        for name in ("mail", "home", "users"):
            (self.folder / name).mkdir()
        self._write_config()

    def command(self) -> Sequence[str | Path]:
        return (PROGRAM, "-F", "-c", self.folder / "dovecot.conf")

    def wait_ready(self) -> None:
        wait_until(lambda: all(listening(self.ports[name]) for name in ("imap", "pop3")), "dovecot")

    def port(self, service: str) -> int:
        """The port of ``imap``, ``imaps``, ``pop3`` or ``pop3s``."""
        return self.ports[service]

    # Users

    def add_user(self, name: str, password: str = PASSWORD) -> None:
        """Add a user, or give one another password. Names must not hold a colon or a slash.

        Each has a file of their own, because Dovecot looks only once a second whether a file it knows has changed.
        """
        changed = name in self._passwords
        self._passwords[name] = password
        self.maildir(name).create()
        file = self.folder / "users" / name
        seconds = file.stat().st_mtime + 1 if changed else time.time()
        draft = self.folder / "user.new"
        draft.write_text(f"{name}:{{PLAIN.b64}}{_base64(password)}\n")
        os.utime(draft, (seconds, seconds))
        draft.replace(file)
        if changed:
            wait_until(lambda: self._lets_in(name), f"the password of {name}")

    def _lets_in(self, name: str) -> bool:
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=20)
        try:
            client.authenticate("PLAIN", lambda _: f"\0{name}\0{self._passwords[name]}".encode())
        except imaplib.IMAP4.error:
            return False
        finally:
            client.shutdown()
        return True

    def client(self, user: str) -> imaplib.IMAP4:
        """A connection of another mail program, signed in."""
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=20)
        client.login(user, self._passwords[user])
        return client

    # Mail

    def maildir(self, user: str, folder: str = "INBOX") -> Maildir:
        """The files of a folder; ``folder`` as users see it, nested with this server's separator."""
        return Maildir(self.folder / "mail" / user, folder.split(self.separator), self.owner)

    def create_folder(self, user: str, folder: str) -> None:
        """Make a folder without mail."""
        self.maildir(user, folder).create()

    def deliver(self, user: str, raw: bytes, folder: str = "INBOX") -> None:
        """Put a message into a folder, which is made if it is not there."""
        self.deliver_many(user, [raw], folder)

    def deliver_many(self, user: str, raws: Iterable[bytes], folder: str = "INBOX") -> None:
        """Put messages into a folder, in this order."""
        self.maildir(user, folder).deliver(raws)

    def count(self, user: str, folder: str = "INBOX") -> int:
        """How many messages are in a folder."""
        return len(self.maildir(user, folder).files())

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """The messages in a folder, in the order in which they were delivered."""
        return [file.read_bytes() for file in self.maildir(user, folder).files()]

    def set_uidvalidity(self, user: str, value: int, folder: str = "INBOX", first_uid: int = 1) -> None:
        """Number a folder anew: UIDVALIDITY is ``value``, and UIDs start at ``first_uid`` in delivery order.

        Two folders can be given the same numbers like this. No session may have the folder open.
        """
        self.maildir(user, folder).set_uidvalidity(value, first_uid)

    def restrict(self, user: str, rights: str, folder: str = "INBOX") -> None:
        """Leave the user only ``rights`` to a folder (RFC 4314 section 4), as in ``lr`` for looking and reading."""
        self.maildir(user, folder).restrict(rights)

    # What it did

    @property
    def log(self) -> str:
        """The log: logins, refusals, and each message deleted or expunged."""
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def wait_for_log(self, pattern: str, after: int = 0) -> str:
        """The log from position ``after`` on, as soon as the regular expression ``pattern`` is found there."""
        wait_until(lambda: re.search(pattern, self.log[after:]) is not None, f"{pattern} in the log")
        return self.log[after:]

    def _write_config(self) -> None:
        uid, gid = self.owner or _self()
        addresses = ", ".join(self.certificates) or "127.0.0.1"
        text = CONFIG.format(
            folder=self.folder,
            addresses=addresses,
            separator=self.separator,
            uid=uid,
            gid=gid,
            **self.ports,
        )
        text += "" if self.owner else WITHOUT_ROOT.format(**_self_names())
        text += self._tls_config() + self._settings
        (self.folder / "dovecot.conf").write_text(text)

    def _tls_config(self) -> str:
        if not self.certificates:
            return "ssl = no\n"
        files = [f"ssl_cert = <{c.cert_file}\nssl_key = <{c.key_file}\n" for c in self.certificates.values()]
        blocks = [f"local {a} {{\n{text}}}\n" for a, text in zip(self.certificates, files, strict=True)]
        return f"ssl = yes\n{files[0]}{''.join(blocks)}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _self() -> tuple[int, int]:
    return os.geteuid(), os.getegid()


def _self_names() -> dict[str, str]:
    uid, gid = _self()
    return {"user": pwd.getpwuid(uid).pw_name, "group": grp.getgrgid(gid).gr_name}
