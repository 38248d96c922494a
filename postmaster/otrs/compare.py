"""The rehearsal before a switch: what would become of messages here, beside what the rules of a dump say.

The dump is taken over on a copy of the desk, so nothing of it stays, and mail goes on meanwhile.
"""

from __future__ import annotations

import hashlib
import mailbox
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from postmaster.extensions import Json
from postmaster.fetching.foresight import Foresight
from postmaster.otrs.conversations import take_conversations
from postmaster.otrs.dump import read_dump
from postmaster.otrs.dump_rules import DumpRules, Fate, index_for_lookups
from postmaster.otrs.importer import take_over
from postmaster.otrs.names import refuse
from postmaster.otrs.rehearsal import rehearsal
from postmaster.otrs.staging import staged
from postmaster.pipeline.arrival import Arrival, read_arrival
from postmaster.pipeline.decision import Rules

# What is compared, and what it is called in the table.
COMPARED = {
    "outcome": "Outcome",
    "queue": "Queue",
    "state": "State",
    "priority": "Priority",
    "customer": "Customer",
    "follow_up_of": "Follow-up of",
}


@dataclass(frozen=True)
class Comparison:
    """A message, the ``place``-th of its file, and what becomes of it ``here`` and ``there``."""

    place: int
    subject: str
    here: Fate
    there: Fate

    @property
    def differs(self) -> bool:
        """Whether the two are not the same."""
        return self.here != self.there

    def cells(self) -> list[str]:
        """A line of the table: each value, and that of the dump where it is another one."""
        here, there = self.here.as_json(), self.there.as_json()
        pairs = ((here[name] or "-", there[name] or "-") for name in COMPARED)
        return [
            str(self.place),
            self.subject[:40],
            *(mine if mine == other else f"{mine} (there: {other})" for mine, other in pairs),
        ]

    def as_json(self) -> Json:
        """As ``--json`` prints it."""
        fates = {"here": self.here.as_json(), "there": self.there.as_json()}
        return {"message": self.place, "subject": self.subject, "same": not self.differs, **fates}


def compare(file: IO[bytes], mails: Path, days: int, actor: str) -> Iterator[Comparison | str]:
    """What becomes of each message, and sentences about what cannot be compared.

    Raises InputError if the dump, or the file of messages, cannot be used.
    """
    dump = read_dump(file)
    with ExitStack() as stack:
        session = stack.enter_context(rehearsal())
        take_over(session, dump, actor)
        rules = DumpRules(dump)
        if dump.counts["ticket"]:
            file.seek(0)
            take_conversations(file, days, actor, lambda step: step(session))
            file.seek(0)
            rules.staging = stack.enter_context(staged(file))
            index_for_lookups(rules.staging)
        yield from rules.flaws
        foresight = Foresight(session, Rules())
        for place, arrival in enumerate(_arrivals(mails), 1):
            if arrival.message is None:
                yield f"Message {place} cannot be read: {arrival.flaw}."
                continue
            [decision] = foresight.of([arrival])
            yield Comparison(place, arrival.message.subject, _fate(decision), rules.judge(arrival.message))


def _fate(decision: Json) -> Fate:
    if not decision.get("attributes"):
        return Fate(decision["outcome"])
    attributes = decision["attributes"]
    is_new = decision["outcome"] == "new"
    return Fate(
        decision["outcome"],
        decision["queue"] or "",
        attributes["state"],
        attributes["priority"],
        attributes["customer_user"] or "",
        "" if is_new else decision["ticket"] or "(a message before it)",
    )


def _arrivals(path: Path) -> Iterator[Arrival]:
    """The messages of an mbox file, or of a Maildir, one after the other."""
    box: mailbox.Mailbox[mailbox.Message] = (
        mailbox.Maildir(path, create=False) if path.is_dir() else mailbox.mbox(path, create=False)
    )
    keys = sorted(box.keys()) if path.is_dir() else box.keys()
    if not keys:
        advice = "Give messages in the format mbox, each after a line that begins with “From ”, or a Maildir."
        raise refuse("MBOX", f"{path} holds no messages", advice, "bad-document")
    for key in keys:
        raw = box.get_bytes(key)
        sha256 = hashlib.sha256(raw).digest()
        yield read_arrival(raw, sha256, f"sha256:{sha256.hex()}", 0)
