"""The lease: at most one run records the mail of a mailbox, and one that lost it cannot record any more.

It stands in the mailbox's row. Every commit of a run renews it in the same transaction (``fence``); if the token is
no longer there, the transaction fails. A holder that died is noticed at once on the same machine, elsewhere when the
lease expires. The cap on sessions a host is counted here too, so that it holds across workers.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from postmaster.accounts.mailbox import MailboxKey
from postmaster.database import dialect_of, execute, insert_into, transaction
from postmaster.errors import mail_error
from postmaster.extensions import now
from postmaster.ledger.models import Mailbox
from postmaster.logs import Logger
from postmaster.system.settings import SESSIONS_PER_HOST, get_setting

# Seconds that a lease lasts without being renewed, and after which a waiting run renews it.
LEASE_SECONDS = 90
HEARTBEAT_SECONDS = 20

PROC = Path("/proc")

log = Logger("postmaster.lease")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to record the mail of a mailbox."""

    mailbox_id: int
    token: str


def take_lease(session: Session, key: MailboxKey, holder: str) -> Lease:
    """Take the lease of ``key``; ``holder`` is what others are told who has it. The caller commits.

    Raises ``lease-held`` if another run has it, ``host-busy`` if its host has SessionsPerHost sessions already.
    """
    moment = now().timestamp()
    mailbox, rows = _locked(session, key)
    if mailbox is None:
        mailbox, rows = _added(session, key)
    if is_held(mailbox, moment):
        raise mail_error("lease-held", holder=mailbox.lease_holder)
    limit = get_setting(session, SESSIONS_PER_HOST)
    if sum(is_held(row, moment) for row in rows) >= limit:
        raise mail_error("host-busy", host=key.host, limit=limit)
    mailbox.lease_token = secrets.token_hex(16)
    mailbox.lease_expires_at = moment + LEASE_SECONDS
    mailbox.lease_process = process_name()
    mailbox.lease_holder = holder
    return Lease(mailbox.id, mailbox.lease_token)


def _added(session: Session, key: MailboxKey) -> tuple[Mailbox, Sequence[Mailbox]]:
    """As ``_locked``, of a mailbox that was not there."""
    _add_mailbox(session, key)
    mailbox, rows = _locked(session, key)
    if mailbox is None:
        raise LookupError(f"no row of {key}")
    return mailbox, rows


def _locked(session: Session, key: MailboxKey) -> tuple[Mailbox | None, Sequence[Mailbox]]:
    """The mailbox ``key``, if there is a row of it, and those of its host that somebody has, all locked.

    The host's first row stands for the host: only one run at a time can count itself as the last one. To read all
    rows would take 6 ms of processor time where there are 1,000 (measured), of some 15 for a poll without mail.
    """
    of_host = Mailbox.host == key.host
    session.execute(select(Mailbox.id).where(of_host).order_by(Mailbox.id).limit(1).with_for_update())
    # A statement of its own: it sees what was committed while the one before waited.
    ours = and_(Mailbox.login == key.login, Mailbox.folder == key.folder)
    wanted = select(Mailbox).where(of_host, or_(ours, Mailbox.lease_token.is_not(None))).order_by(Mailbox.id)
    rows = session.scalars(wanted.with_for_update()).all()
    return next((row for row in rows if (row.login, row.folder) == (key.login, key.folder)), None), rows


def mailbox_row(session: Session, key: MailboxKey) -> Mailbox:
    """The row of the mailbox ``key``, added if it is not there. The caller commits."""
    _add_mailbox(session, key)
    return session.scalars(select(Mailbox).filter_by(**key._asdict())).one()


def fence(session: Session, lease: Lease) -> None:
    """Renew the lease in the caller's transaction; raises ``lease-lost`` if another run has taken it."""
    ours = {"mailbox_id": lease.mailbox_id, "token": lease.token}
    renewed = execute(session, _RENEWING, ours | {"lease_expires_at": now().timestamp() + LEASE_SECONDS})
    if renewed.rowcount != 1:
        raise mail_error("lease-lost")


_OURS = (Mailbox.id == bindparam("mailbox_id"), Mailbox.lease_token == bindparam("token"))
_RENEWING = update(Mailbox).where(*_OURS)


def release(session: Session, lease: Lease) -> None:
    """Give the lease back, if it is still ours."""
    session.execute(
        update(Mailbox)
        .where(Mailbox.id == lease.mailbox_id, Mailbox.lease_token == lease.token)
        .values(lease_token=None, lease_expires_at=None, lease_process=None, lease_holder=None)
    )


@contextmanager
def renewing(lease: Lease) -> Iterator[None]:
    """Renew the lease from the side while one message takes longer to arrive than a lease lasts."""
    ended = threading.Event()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    thread = threading.Thread(target=_beat, args=(app, lease, ended), daemon=True, name="lease-heartbeat")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat(app: Flask, lease: Lease, ended: threading.Event) -> None:
    with app.app_context():
        while not ended.wait(HEARTBEAT_SECONDS):
            try:
                with transaction() as session:
                    fence(session, lease)
            except Exception as error:  # the next commit of the run decides, and says why
                log.warning("lease not renewed", mailbox=lease.mailbox_id, error=str(error))


def _add_mailbox(session: Session, key: MailboxKey) -> None:
    """Add the mailbox's row if it is missing, also when another run adds it at this moment."""
    session.execute(insert_into(dialect_of(session), Mailbox).values(**key._asdict()).on_conflict_do_nothing())


def is_held(mailbox: Mailbox, moment: float) -> bool:
    """Whether a run that may still live has the lease; ``moment`` is now, in seconds since 1970."""
    if mailbox.lease_expires_at is None or mailbox.lease_expires_at < moment:
        return False
    return not has_died(mailbox.lease_process or "")


def process_name(pid: int | None = None) -> str:
    """This process, named so that another one on the same machine can tell whether it still runs."""
    return _own_name(os.getpid()) if pid is None else f"{_machine()} {pid} {_started(pid) or ''}"


@cache
def _own_name(pid: int) -> str:
    return process_name(pid)


def has_died(process: str) -> bool:
    """Whether ``process`` is certain to run no more; False for what is on another machine or cannot be known."""
    machine, _, rest = process.partition(" ")
    pid, _, started = rest.partition(" ")
    if machine != _machine() or not pid.isdigit() or not started:
        return False
    found = _started(int(pid))
    return found is not None and found != started


def _machine() -> str:
    """Host, boot and process namespace: only where all three are equal does a process number mean the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux: a lease then simply has to expire
        boot = namespace = secrets.token_hex(4)
    return f"{socket.gethostname()}/{boot}/{namespace}".replace(" ", "_")


def _started(pid: int) -> str | None:
    """When process ``pid`` started, in ticks since boot (proc(5), "stat"); empty if there is none.

    None if it runs, but this user is not shown what it is (proc(5), "hidepid"; systemd's ProtectProc).
    """
    try:
        state, *fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if _runs(pid) else ""
    return "" if state == "Z" else fields[18]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is somebody else's
    return True
