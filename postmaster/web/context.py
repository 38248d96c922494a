"""What pages give their templates: a class per page, whose fields are the variables that its templates read.

mypy checks what a view fills in; a test checks that the templates read all of it, and nothing else
(tests/web/test_contexts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flask import render_template

from postmaster.web.lists import wants_fragment


@dataclass(frozen=True, kw_only=True)
class Context:
    """The variables of ``templates``: those of a page, and last the part of it that htmx asks for, if there is one.

    ``others`` are what they are given as well. Without templates it is what others are given.
    """

    templates: ClassVar[tuple[str, ...]] = ()
    others: ClassVar[tuple[type[Context], ...]] = ()

    def __init_subclass__(cls, templates: tuple[str, ...] = (), others: tuple[type[Context], ...] = ()) -> None:
        cls.templates, cls.others = templates, others

    def render(self, template: str = "", *others: Context) -> str:
        """``template``, or what the request asks for, with these variables and those of ``others``."""
        variables = {name: value for context in (self, *others) for name, value in vars(context).items()}
        return render_template(template or self.templates[-1 if wants_fragment() else 0], **variables)
