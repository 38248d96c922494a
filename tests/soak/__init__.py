"""Slow proofs, run by ``bin/soak``."""
