"""The outlets: where events are handed over to, and what became of each."""

from __future__ import annotations

from postmaster.web.outlets import views
from postmaster.web.outlets.resource import blueprint

__all__ = ["blueprint", "views"]
