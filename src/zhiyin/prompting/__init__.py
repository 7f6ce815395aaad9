"""Prompts as files: versioned, in two languages, overridable, linted; and how text of others gets into them."""
