"""Every message ever taken: what was recorded, where it is found again."""
