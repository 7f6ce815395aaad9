"""Candidates: hard wishes as column masks, then one small module a source, fused with weights in one place (`fuse.py`)."""
