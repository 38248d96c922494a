"""Measured claims, each a command. See README.md."""
