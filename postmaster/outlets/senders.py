"""How each kind of outlet sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from postmaster import config
from postmaster.accounts.sealing import unseal
from postmaster.outlets.fields import read_header_lines
from postmaster.outlets.http import Receiver
from postmaster.outlets.kinds import OUTLET_KINDS, OutletKind
from postmaster.outlets.models import Outlet
from postmaster.outlets.results import Answer
from postmaster.outlets.webhook import WebhookSender


class Sender(Protocol):
    """Sends to the receiver of one outlet, from several threads."""

    def send(self, key: str, body: str) -> Answer:
        """Send ``body``, whose id is ``key`` however often it is sent. Never raises."""

    def close(self) -> None:
        """Let go of what it holds."""


def _webhook(outlet: Outlet) -> Sender:
    environment = config.current()
    receiver = Receiver(
        outlet.url, OUTLET_KINDS[outlet.kind].seconds, environment.ca_file, environment.forbidden_networks
    )
    headers = read_header_lines(unseal(outlet.sealed_headers)) if outlet.sealed_headers else {}
    return WebhookSender(receiver, unseal(outlet.sealed_secret), headers)


SENDERS: Mapping[OutletKind, Callable[[Outlet], Sender]] = {OutletKind.WEBHOOK: _webhook}


def make_sender(outlet: Outlet) -> Sender:
    """The sender of ``outlet``, whose secrets can be opened."""
    return SENDERS[outlet.kind](outlet)
