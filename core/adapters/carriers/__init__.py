"""Carriers of the line: one module each, for what they post of a call."""
