"""What concerns the whole system: its configuration, its users, and the audit log."""
