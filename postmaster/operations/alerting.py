"""Watching: every living process of the worker does, in turns, so that it needs neither Redis nor any one of them."""

from __future__ import annotations

import threading
from datetime import timedelta

from postmaster.database import transaction
from postmaster.logs import Logger
from postmaster.operations.heartbeat import claim_turn
from postmaster.operations.incidents import deliver_alerts, update_incidents

# How often somebody looks, and how often each process asks whether it is its turn.
LOOK_EVERY = timedelta(seconds=60)
ASK_SECONDS = 20

log = Logger("postmaster.alerts")


def watch(ended: threading.Event) -> None:
    """Look after incidents until ``ended``, from when on others may be ending as well."""
    while not ended.wait(ASK_SECONDS):
        try:
            check_in_turn()
        except Exception as error:  # whatever it is, fetching goes on, and the next look comes
            log.warning("could not look for what is wrong", error=" ".join(str(error).split())[:200])


def check_in_turn() -> bool:
    """Look and send, if nobody else has just done so."""
    return _look(LOOK_EVERY)


def check_now() -> None:
    """Look and send now, though never while somebody else looks."""
    _look(timedelta(0))


def _look(every: timedelta) -> bool:
    with transaction() as session:
        mine = claim_turn(session, "alerts", every)
        if mine:
            update_incidents(session)
    if mine:
        deliver_alerts()
    return mine
