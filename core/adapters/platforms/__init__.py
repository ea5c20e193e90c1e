"""Platforms that run the agent: one module each, for what they post about a call."""
