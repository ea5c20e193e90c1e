"""Panels from single calls, which roll-ups do not hold: handoffs, language changes, silences."""
