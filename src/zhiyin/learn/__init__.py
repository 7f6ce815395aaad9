"""Learning: what the sources weigh together, what a user would rate, and batch training."""
