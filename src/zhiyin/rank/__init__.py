"""From a pool of candidates to a slate: order, variety, a last check of the wishes, and the reasons."""
