"""Roll-ups: calls of a span of time as counts, sums and sketches; computed, stored, read and refreshed."""
