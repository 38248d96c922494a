"""Mail servers: the only code that speaks a wire protocol."""
