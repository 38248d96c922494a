"""The credentials: what accounts sign in with, and how it is authorised at an identity provider."""

from __future__ import annotations

from postmaster.web.credentials import views
from postmaster.web.credentials.resource import blueprint

__all__ = ["blueprint", "views"]
