"""Postmaster filters: conditions on a message, and the headers that they set (REFERENCE section 2)."""
