"""The main job: fetch, parse, decide, record, and only then delete on the server."""
