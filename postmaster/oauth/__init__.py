"""Identity providers: how access tokens for mail servers are come by, kept, renewed, and explained when they fail."""
