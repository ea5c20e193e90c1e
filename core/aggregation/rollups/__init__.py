"""Roll-ups: the calls of a span of time as counts, sums and sketches.

Computed, stored, read and refreshed.
"""
