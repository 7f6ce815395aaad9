"""Back ends of the port `LLM`, and the wrappers that share it."""
