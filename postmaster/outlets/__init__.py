"""Handing events over to other programs: where they go, and delivering them (docs/outlets.md)."""
