"""Flask's application, whose pages and API are registered when something asks for them: most commands never do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import RLock
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask.templating import Environment
from jinja2 import Template
from werkzeug.routing import Map

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from jinja2.environment import TemplateModule
    from jinja2.runtime import Context


class PageTemplate(Template):
    """Jinja's, whose macros are made once.

    At each import Jinja looks whether the template that imports has globals that the other one lacks. None here has
    globals of its own, and each row of a list imports macros (measured: a tenth of the time of a list).
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


class PageEnvironment(Environment):
    """Flask's, with these templates."""

    template_class = PageTemplate


class LazyApplication(Flask):
    """Flask's, completed by ``register`` with the first request, or the first need of a route.

    So commands, cron and transfer agents do not pay for routes, forms and limits. What serves
    completes it at its start, so that a fault shows there.
    """

    jinja_environment = PageEnvironment

    def __init__(self, *args: Any, register: Callable[[Flask], None], **options: Any) -> None:
        self._register: Callable[[Flask], None] | None = None  # Flask adds a route itself
        self._completing = RLock()
        self._is_complete = False
        super().__init__(*args, **options)
        self._register = register

    def complete(self) -> None:
        """Register what was left for later. Threads that come meanwhile wait; after a fault, each meets it anew."""
        if self._is_complete:
            return
        with self._completing:
            register, self._register = self._register, None
            if register is None:
                return  # what registers asks itself, or another thread was first
            try:
                register(self)
            except BaseException:
                self._register = register
                raise
            self._is_complete = True

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        self.complete()
        return super().__call__(environ, start_response)

    @property
    def url_map(self) -> Map:
        """The routes."""
        self.complete()
        return self._url_map

    @url_map.setter
    def url_map(self, routes: Map) -> None:
        self._url_map = routes
