"""What was learnt of a server in this process and is worth knowing in the next session: its habits, by host and port.

Nothing depends on it: whoever knows nothing finds out again, a little later.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from postmaster.sources.networks import SocketAddress

REMEMBERED_SECONDS = 3600.0
"""How long a habit is believed. Servers are mended, too."""


@dataclass(slots=True)
class Habits:
    """``tells_capabilities``: it can be asked by CAPA without hanging up. ``pipelines``: it takes a command before it
    has answered the one before. ``introduces``: whoever has signed in is to say who he is (ID, RFC 2971); None until a
    folder was opened step by step. ``took_login``: it has taken user name and password together (POP3). ``address`` is
    the one that answered last.
    """

    tells_capabilities: bool = True
    pipelines: bool = True
    introduces: bool | None = None
    took_login: bool = False
    address: SocketAddress | None = None
    learnt_at: float = field(default_factory=time.monotonic)


_known: dict[tuple[str, int], Habits] = {}


def habits_of(host: str, port: int) -> Habits:
    """What is known of the server; what is found out goes in there."""
    habits = _known.get((host, port))
    if habits is None or time.monotonic() - habits.learnt_at > REMEMBERED_SECONDS:
        habits = _known[host, port] = Habits()
    return habits
