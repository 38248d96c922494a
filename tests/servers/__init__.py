"""Real servers for tests, each a private instance in a folder of its own: Dovecot, PostgreSQL, Redis.

``scripted`` and ``pop3`` hold small servers for behaviour that no real one shows.
"""
