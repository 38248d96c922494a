"""Pages that several tests use one after the other, each as if it were new: most of a short test went into making one.

A new context means another process of the browser, in which everything is compiled again: that takes three times as
long as to open an address in a page that is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, StorageState

# Milliseconds that anything on a page may take on a busy machine, where what looks at a mail server starts slowly.
PATIENCE = 60_000

# How many pages of a worker may be at rest: each is a process of the browser.
MOST_AT_REST = 4

# Where they rest: nothing goes on there.
AT_REST = "/healthz"


@dataclass
class KeptPage:
    """A page; what the test that has it is told of: complaints, unless ``expected``, a pattern, is in them."""

    page: Page
    cookies: list[Any]
    expected: str = ""
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        """Note a violated content security policy, a script that failed, a file that is missing."""
        if message.type == "error" and not re.search(self.expected, message.text):
            self.problems.append(f"{message.text} ({message.location.get('url')})")

    def begin(self, expected: str, width: int, color_scheme: Literal["light", "dark"]) -> None:
        """Make it as good as new for a test, ``width`` pixels wide."""
        for each in (self.page, self.page.context):
            each.set_default_timeout(PATIENCE)
        self.page.context.clear_cookies()
        self.page.context.add_cookies(self.cookies)
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(media="null", color_scheme=color_scheme, reduced_motion="reduce")
        self.expected = expected
        self.problems.clear()

    def rest(self) -> bool:
        """Leave what the test has opened; returns whether another test can have the page."""
        context = self.page.context
        if self.page.is_closed() or context.pages != [self.page]:
            return False
        try:
            context.unroute_all()
            self.page.unroute_all()
            self.page.goto(AT_REST)
            self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        except Error:
            return False
        return True


class KeptPages:
    """The pages of a worker that are at rest, by what they were made with."""

    def __init__(self, browser: Browser, url: str, sessions: Mapping[str, StorageState]) -> None:
        self._browser, self._url, self._sessions = browser, url, sessions
        self._at_rest: dict[str, KeptPage] = {}

    def make(self, *, user: str | None, javascript: bool, **options: Any) -> KeptPage:
        """A new page in a context of its own."""
        state = self._sessions[user] if user else None
        context = self._browser.new_context(
            base_url=self._url, storage_state=state, java_script_enabled=javascript, **options
        )
        cookies = list(state["cookies"]) if state else []
        return KeptPage(context.new_page(), cookies)

    def take(self, **wanted: Any) -> KeptPage:
        """One that is at rest, or a new one."""
        return self._at_rest.pop(repr(wanted), None) or self.make(**wanted)

    def give_back(self, kept: KeptPage, **wanted: Any) -> None:
        """Keep it for the next test; close it, or another one, if it cannot be kept."""
        if not kept.rest() or repr(wanted) in self._at_rest:
            kept.page.context.close()
            return
        self._at_rest[repr(wanted)] = kept
        if len(self._at_rest) > MOST_AT_REST:
            self._at_rest.pop(next(iter(self._at_rest))).page.context.close()
