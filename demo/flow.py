"""Customers that go on writing: a message every 20 seconds, until SIGTERM."""

from __future__ import annotations

import random
import sys
import time
from email.utils import formatdate

from demo import kinds, server
from demo.kinds import Case
from demo.samples import ORDERS_ADDRESS, SUPPORT, SUPPORT_ADDRESS

SECONDS = 20

KINDS = (kinds.plain, kinds.html_and_plain, kinds.german, kinds.with_attachments)


def flow(port: int) -> None:
    """Put one message after the other into the mailbox; unlike the samples, no two are ever the same."""
    chance = random.Random()  # noqa: S311 - it only makes up texts
    while True:
        time.sleep(SECONDS)
        to = chance.choice((ORDERS_ADDRESS, SUPPORT_ADDRESS))
        case = Case(chance, time.time_ns(), SUPPORT, to, formatdate())
        server.put_in(port, SUPPORT, [chance.choice(KINDS)(case)])


if __name__ == "__main__":
    flow(int(sys.argv[1]))
