"""Which server writes verdicts on senders into a mailbox: offered to an admin, and never trusted by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from postmaster.extensions import Json
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.auth_results import TrustedServers, server_key, topmost_server

# Messages that have to agree: a single one may have been written by anybody.
ENOUGH = 2


@dataclass(frozen=True, slots=True)
class ServerOffer:
    """A server whose verdicts stand on top in ``seen`` of ``looked`` messages: ``name`` is to be entered as it is."""

    name: str
    seen: int
    looked: int

    def as_json(self) -> Json:
        """The form that ``--json`` prints (docs/reference.md#json)."""
        return asdict(self)

    def __str__(self) -> str:
        who = f"This server writes its verdicts on senders as {self.name}"
        return f"{who} ({self.seen} of the {self.looked} mails looked at): trust it, if it is yours or your provider’s?"


class ServersSeen:
    """Counts the servers on top of messages."""

    def __init__(self) -> None:
        self._looked = 0
        self._names: Counter[str] = Counter()

    def look(self, messages: Iterable[ParsedMessage]) -> None:
        """Look at some messages."""
        for message in messages:
            self._looked += 1
            if (name := topmost_server(message)) is not None:
                self._names[server_key(name)] += 1

    def offer(self, trusted: tuple[str, ...]) -> ServerOffer | None:
        """The server of most messages, unless it is ``trusted``; hosts of one domain, each with its name, as one."""
        for names in (self._names, self._domains()):
            for name, seen in names.most_common(1):
                if seen >= ENOUGH and 2 * seen > self._looked:
                    known = TrustedServers(trusted)
                    is_known = name in known or all(each in known for each in self._below(name))
                    return None if is_known else ServerOffer(name, seen, self._looked)
        return None

    def _domains(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for name, seen in self._names.items():
            above = name.partition(".")[2]
            if "." in above:
                found[f"*.{above}"] += seen
        return found

    def _below(self, name: str) -> list[str]:
        return [each for each in self._names if each.endswith(name[1:])] if name.startswith("*.") else [name]
