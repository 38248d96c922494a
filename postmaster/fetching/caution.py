"""What a run learns from those before it that ended in the middle of their mail: killed, out of memory, or out of time.

Each has the next one take smaller batches, until it takes one message at a time and writes down which. A message with
which run after run ends is left on the server, named, and the others come. What ``bisection`` does within a run, this
does where a run does not live to do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.database import transaction
from postmaster.errors import MailError
from postmaster.extensions import now
from postmaster.ledger.models import Deletion, InboundMail, Mailbox, WithheldMail

STRIKES = 3
"""How many runs may end with the same message alone. It may be by chance: fewer, and a machine that is started again
several times would leave mail behind."""

BROKEN_OFF = ("session-deadline", "server-slow", "server-silent")
"""How a run fails that had no time to find out at which message of its batch."""

WHY = (
    f"{STRIKES} runs ended in the middle of it, because PostMaster was killed, as when memory runs out, or took too "
    "long. Give it more memory, and save the account to have it tried again"
)


@dataclass(frozen=True, slots=True)
class Caution:
    """``broken`` runs in a row ended in the middle of their mail, and each makes batches ten times smaller.

    ``left`` are messages to be left, with the reason, by ``key_of``.
    """

    broken: int = 0
    left: Mapping[str, str] = field(default_factory=dict)

    def batch_size(self, usual: int) -> int:
        """How many messages a batch may have, where ``usual`` are as many as one has."""
        return max(1, usual // int(10 ** min(self.broken, 9)))


def load_caution(session: Session, mailbox_id: int, account_id: int) -> Caution:
    """What a run over the mailbox has to know. A message that was left is tried again after the account was saved."""
    broken = session.get_one(Mailbox, mailbox_id).broken_runs
    mine = WithheldMail.account_id == account_id, WithheldMail.strikes > 0
    if session.scalar(select(WithheldMail.name).where(*mine).limit(1)) is None:  # as of nearly all accounts
        return Caution(broken)
    changed = select(MailAccount.changed_at).where(MailAccount.id == account_id).scalar_subquery()
    session.execute(delete(WithheldMail).where(*mine, WithheldMail.since < changed))
    left = session.scalars(select(WithheldMail.name).where(*mine, WithheldMail.strikes >= STRIKES))
    return Caution(broken, dict.fromkeys(left, WHY))


def note_under_way(mailbox_id: int, identity: str | None) -> None:
    """Write down which message is about to be taken alone."""
    with transaction() as session:
        session.execute(update(Mailbox).where(Mailbox.id == mailbox_id).values(under_way=identity))


def note_broken_run(session: Session, mailbox_id: int, account_id: int | None) -> None:
    """Write down that a run ended in the middle of its mail. The caller commits."""
    mailbox = session.get_one(Mailbox, mailbox_id)
    mailbox.broken_runs += 1
    name, mailbox.under_way = mailbox.under_way, None
    same = InboundMail.mailbox_id == mailbox_id, InboundMail.identity == name
    recorded = select(exists().where(*same, InboundMail.deletion == Deletion.PENDING))
    if name and account_id is not None and not session.scalar(recorded):  # one that is recorded did not end the run
        _strike(session, account_id, name[:300])


def forget_broken_runs(session: Session, mailbox_id: int) -> None:
    """A run has come to the end of the mailbox. The caller commits."""
    broken = Mailbox.id == mailbox_id, Mailbox.broken_runs > 0
    session.execute(update(Mailbox).where(*broken).values(broken_runs=0, under_way=None))


def was_broken_off(error: MailError, *, reading: bool) -> bool:
    """Whether a run that failed so ended in the middle of its mail."""
    return error.code == "memory-short" or (reading and error.code in BROKEN_OFF)


def fatal_mail(session: Session) -> dict[int, int]:
    """How many messages are left because runs ended in the middle of them, by account."""
    wanted = select(WithheldMail.account_id, func.count()).where(WithheldMail.strikes >= STRIKES)
    return {row[0]: row[1] for row in session.execute(wanted.group_by(WithheldMail.account_id))}


def _strike(session: Session, account_id: int, name: str) -> None:
    row = session.get(WithheldMail, (account_id, name))
    if row is None:
        sentence = f"A run ended in the middle of message {name}."
        row = WithheldMail(account_id=account_id, name=name, sentence=sentence, runs=0, strikes=0, since=now())
        session.add(row)
    row.strikes += 1
    if row.strikes >= STRIKES:
        row.sentence = f"Left on the server: message {name}: {WHY}."
