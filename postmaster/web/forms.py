"""What all forms share: WTForms with CSRF, typed."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm

from postmaster.web.asked import is_looking


class Form(FlaskForm):
    """A form of a page, filled from the request where it was sent."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]

    def was_sent_well(self) -> bool:
        """Whether it was sent, and nothing in it is refused."""
        well = bool(self.validate_on_submit())  # type: ignore[no-untyped-call]
        self.focus_first_refused()
        return well

    def focus_first_refused(self) -> None:
        """Lead to the first field that is refused, if there is one: a page has one place for the focus."""
        for input_ in self:
            if input_.errors:
                input_.render_kw = {**(input_.render_kw or {}), "autofocus": True}
                return

    @staticmethod
    def status() -> int:
        """The status of the page that shows it: 422 if what was sent is refused."""
        return 200 if is_looking() else 422
