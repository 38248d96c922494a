"""What somebody does who has no mouse."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

# How many things on a page may have the focus.
MOST_STOPS = 80


class Keyboard:
    """A keyboard; ``pressed`` counts how often something was pressed with it, as one would click."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed = 0

    def to(self, target: Locator) -> None:
        """Go on with Tab until ``target`` has the focus."""
        expect(target).to_be_visible()
        for _ in range(MOST_STOPS):
            if target.evaluate("each => each === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError("Tab does not lead there")

    def press(self, target: Locator) -> None:
        """Press a button or a link."""
        self.to(target)
        self.page.keyboard.press("Enter")
        self.pressed += 1

    def type(self, target: Locator, text: str) -> None:
        """Fill in a field, or choose in it what begins so."""
        self.to(target)
        self.page.keyboard.type(text)
