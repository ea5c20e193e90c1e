"""Telephone carriers: one module each, for what they post about a call."""
