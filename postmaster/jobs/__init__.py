"""The worker: processes that fetch, a scheduler that says when, and one that looks after them."""
