"""Postmaster filters: conditions on a message, and the headers that they set (docs/glossary.md#postmaster-filters)."""
