"""Panels about single conversations that no roll-up tells: handoffs, changes of language, silences."""
