"""Saying it: numbers and names in the user's language, templates by act, every sentence over a row."""
