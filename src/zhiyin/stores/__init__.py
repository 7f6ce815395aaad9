"""Event logs: append-only, by session."""
