"""What becomes of a message: deciding, no writing."""
