"""The mail accounts: which mailboxes are fetched, and how they stand."""

from __future__ import annotations

from postmaster.web.accounts.resource import blueprint

__all__ = ["blueprint"]
