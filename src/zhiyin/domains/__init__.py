"""Domain packs: one folder of data each. Nothing here is code."""
