"""Where alerts are sent: Apprise addresses from the environment. They hold secrets, so they are shown by number."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from postmaster import config
from postmaster.database import transaction
from postmaster.resources.audit import audit


@dataclass(frozen=True, slots=True)
class Target:
    """One address. ``digest`` tells it from others, also after their order was changed."""

    digest: str
    label: str
    url: str = field(repr=False)

    def send(self, title: str, body: str) -> bool:
        """Send a message; returns whether it was taken. Never raises, and takes some seconds at most."""
        import apprise  # half a second, which commands that send nothing need not wait

        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it would write addresses into the log
        sender = apprise.Apprise()
        try:
            return bool(sender.add(self.url) and sender.notify(title=title, body=body))
        except Exception:  # a plugin's fault must not stop anything
            return False

    def try_out(self, actor: str) -> bool:
        """Send a message that says that it is a test, and record who had it sent; returns whether it was taken."""
        taken = self.send("PostMaster: test", "This is a test. Nothing is wrong.")
        with transaction() as session:
            audit(session, actor, "try", "alert-target", self.label, {"taken": taken})
        return taken


def alert_targets() -> Sequence[Target]:
    """The targets of this app, in their order."""
    targets = []
    for number, url in enumerate(config.current().alert_targets, start=1):
        name = f"target {number} ({url.partition('://')[0].lower()})"
        targets.append(Target(hashlib.sha256(url.encode()).hexdigest()[:16], name[:60], url))
    return targets
