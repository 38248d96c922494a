"""Where alerts are sent: Apprise addresses, of the environment and of the database. They hold secrets, so targets are
called by number or by name.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.sealing import UnsealError, unseal
from postmaster.database import transaction
from postmaster.errors import ConfigError, MailError
from postmaster.operations.models import AlertTarget
from postmaster.operations.quiet_hours import is_quiet
from postmaster.resources.audit import audit
from postmaster.resources.models import Validity
from postmaster.sources.networks import check_addresses, resolve


@dataclass(frozen=True, slots=True)
class Target:
    """One address. ``key`` tells it from others, also after their order was changed.

    ``conditions`` are what it is told of, all if there are none, but for its ``quiet_hours``. An address that no key
    opens is empty; what is to be sent to it waits.
    """

    key: str
    label: str
    address: str = field(repr=False)
    conditions: frozenset[str] = frozenset()
    quiet_hours: str = ""
    of_environment: bool = False

    def hears_of(self, condition: str) -> bool:
        """Whether it is told of incidents of that condition."""
        return not self.conditions or condition in self.conditions

    def is_quiet(self, moment: datetime, zone: tzinfo) -> bool:
        """Whether nothing is to be sent to it at ``moment``."""
        return is_quiet(self.quiet_hours, moment, zone)

    def send(self, title: str, body: str) -> bool:
        """Send a message; returns whether it was taken. Never raises, and takes some seconds at most.

        What was entered in the pages is sent to no forbidden network, as whoever enters it is not who runs this host.
        """
        sender = _apprise().Apprise()
        try:
            if not self.of_environment and _is_forbidden(self.address):
                return False
            return bool(sender.add(self.address) and sender.notify(title=title, body=body))
        except Exception:  # a plugin's fault must not stop anything
            return False

    def try_out(self, actor: str) -> bool:
        """Send a message that says that it is a test, and record who had it sent; returns whether it was taken."""
        taken = self.send("PostMaster: test", "This is a test. Nothing is wrong.")
        with transaction() as session:
            audit(session, actor, "try", "target", self.label, {"taken": taken})
        return taken


def _is_forbidden(address: str) -> bool:
    """Whether a host that Apprise would connect to is in one of POSTMASTER_FORBIDDEN_NETWORKS."""
    plugin = _apprise().Apprise.instantiate(address)
    for host in filter(None, (getattr(plugin, "host", None), getattr(plugin, "smtp_host", None))):
        try:
            check_addresses(host, resolve(host, 0), config.current().forbidden_networks)
        except MailError:
            return True
        except (OSError, ValueError):
            continue  # a token in the place of a host, or a name that leads nowhere
    return False


def _apprise() -> Any:
    import apprise  # half a second, which commands that send nothing need not wait

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it would write addresses into the log
    return apprise


def is_address(text: str) -> bool:
    """Whether Apprise knows what to do with ``text``."""
    try:
        return "://" in text and _apprise().Apprise.instantiate(text) is not None
    except Exception:  # a plugin's fault: then it cannot send either
        return False


def alert_targets(session: Session) -> Sequence[Target]:
    """The targets that alerts are sent to: those of the environment in their order, and the valid ones, by name."""
    return [*_of_environment(), *_of_database(session)]


def _of_environment() -> Iterator[Target]:
    for number, address in enumerate(config.current().alert_targets, start=1):
        label = f"target {number} ({address.partition('://')[0].lower()})"
        yield Target(hashlib.sha256(address.encode()).hexdigest()[:16], label[:60], address, of_environment=True)


def _of_database(session: Session) -> Iterator[Target]:
    usable = AlertTarget.validity == Validity.VALID, AlertTarget.sealed_address != ""
    for row in session.scalars(select(AlertTarget).where(*usable).order_by(AlertTarget.name)):
        try:
            address = unseal(row.sealed_address)
        except (UnsealError, ConfigError):  # the other targets are told nevertheless
            address = ""
        yield Target(key_of(row), row.name, address, frozenset(row.conditions), row.quiet_hours)


def key_of(row: AlertTarget) -> str:
    """The key of a target of the database, which stays when its address is changed."""
    return f"id-{row.id}"
