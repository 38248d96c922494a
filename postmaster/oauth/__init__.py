"""Identity providers: how access tokens for mail servers are obtained, kept, renewed, and explained when they fail."""
