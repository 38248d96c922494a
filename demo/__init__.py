"""The demo of ``bin/start --demo``: sample mail, a local sample mail server, and the proof that nothing is lost.

It is no part of the product: nothing in ``postmaster`` imports it.
"""
