"""Taking over from OTRS, Znuny or OTOBO: reading a dump of their tables, and what becomes of each row."""
