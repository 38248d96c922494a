"""Sessions as Dovecot's log tells of them."""

from __future__ import annotations

import re
from collections import Counter


class Sessions:
    """What the server's log says of sessions: how many of each user, and at most at once."""

    EVENT = re.compile(r"Login: user=<([^>]+)>|imap\(([^)]+)\)<[^>]+><[^>]+>: Info: Disconnected")

    def __init__(self, log: str) -> None:
        self.logins: Counter[str] = Counter()
        self.most_of_one = self.most_at_once = 0
        now: Counter[str] = Counter()
        for login, logout in self.EVENT.findall(log):
            now[login or logout] += 1 if login else -1
            self.logins.update([login] if login else [])
            self.most_of_one = max(self.most_of_one, *now.values())
            self.most_at_once = max(self.most_at_once, now.total())
