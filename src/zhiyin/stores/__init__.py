"""Where things are kept: the log of events by session, and small documents beside it; in memory or in a database."""
