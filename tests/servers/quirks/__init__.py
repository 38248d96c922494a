"""Mail servers with a state of their own, and the quirks that real ones were reported for, a small variation each.

A mailbox holds messages, identities and deletions. A session of it answers as the standard says; a quirk is a class
whose methods stand before those of the session, so that quirks combine.
"""
