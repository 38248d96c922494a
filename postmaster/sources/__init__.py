"""Mail servers: the only code that speaks a wire protocol.

``open_source`` opens a mailbox, ``probe`` tests the way to it, ``list_folders`` and ``peek_certificate`` look around.
"""
