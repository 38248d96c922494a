"""The postmaster filters: list, form, and "Try it"."""

from __future__ import annotations

from postmaster.web.filters.resource import blueprint
from postmaster.web.filters.views import rows, try_it

__all__ = ["blueprint", "rows", "try_it"]
