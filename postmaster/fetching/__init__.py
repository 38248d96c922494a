"""A mailbox's turn: from its lease to the deletion of its mail."""
