"""Calls held against the rules of calling: hours by purpose, attempts, opt-outs, what they must tell."""
