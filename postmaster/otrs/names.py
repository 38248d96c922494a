"""What the numbers in a dump stand for."""

from __future__ import annotations

from postmaster.desk.models import FollowUpPolicy
from postmaster.errors import InputError
from postmaster.otrs.dump import Dump
from postmaster.otrs.rows import DumpRow
from postmaster.resources.models import Validity
from postmaster.system.lists import StateKind

# The ids that these have in every installation that nobody has tampered with.
VALIDITIES = {"1": "valid", "2": "invalid", "3": "invalid-temporarily"}
STATE_KINDS = {
    "1": "new",
    "2": "open",
    "3": "closed",
    "4": "pending reminder",
    "5": "pending auto",
    "6": "removed",
    "7": "merged",
}
POLICIES = {"1": "possible", "2": "reject", "3": "new ticket"}


def refuse(what: str, flaw: str, advice: str, code: str = "unknown-reference") -> InputError:
    """The error that a row cannot be taken because of what it refers to."""
    return InputError(what, f"{what} {flaw}.", advice, code)


def known_kind(kind: str) -> StateKind:
    """``kind``, or the one that is most like it, of a type that an installation has added."""
    if kind in list(StateKind):
        return StateKind(kind)
    alike = (StateKind.PENDING_AUTO, StateKind.CLOSED, StateKind.MERGED, StateKind.REMOVED)
    found = next((each for each in alike if kind.lower().startswith(each)), None)
    return found or (StateKind.PENDING_REMINDER if kind.lower().startswith("pending") else StateKind.OPEN)


class Names:
    """The names behind the ids of a dump: its own tables say, and where they are missing, what is usual."""

    def __init__(self, dump: Dump) -> None:
        self._validities = VALIDITIES | _by_id(dump, "valid")
        self._policies = POLICIES | _by_id(dump, "follow_up_possible")
        self._kinds = STATE_KINDS | _by_id(dump, "ticket_state_type")
        self._queues = _by_id(dump, "queue")

    def validity(self, row: DumpRow) -> str:
        """The validity of a row; ``invalid`` for one of the installation's own making."""
        name = self._validities.get(row.get("valid_id") or "1", "")
        return name if name in list(Validity) else Validity.INVALID.value

    def policy(self, row: DumpRow) -> str:
        """The follow-up policy of a queue; empty for one that is not known here."""
        name = self._policies.get(row.get("follow_up_id") or "1", "").replace(" ", "-")
        return name if name in list(FollowUpPolicy) else ""

    def kind_of_state(self, number: str) -> str:
        """The kind of states with that type, as it is called there; its id if nothing says what that means."""
        return self._kinds.get(number or "2", number)

    def queue(self, number: str) -> str:
        """The name of the queue with that id. Raises InputError if the dump does not have it."""
        if number not in self._queues:
            raise refuse("Queue", f"{number} is not in the dump", "Dump the table queue as well, whole.")
        return self._queues[number]


def _by_id(dump: Dump, table: str) -> dict[str, str]:
    return {row.get("id"): row.get("name") for row in dump.of(table)}
