"""Mail accounts and their credentials: what an admin enters, and how it is checked, sealed and named."""
