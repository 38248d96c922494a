"""The mail accounts: which mailboxes are fetched, how they stand, and the form with all that it can find out."""

from __future__ import annotations

from postmaster.web.accounts import fetching, new, pausing, views
from postmaster.web.accounts.resource import blueprint

__all__ = ["blueprint", "fetching", "new", "pausing", "views"]
