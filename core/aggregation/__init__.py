"""From stored calls to figures: one definition of every metric. ``frames`` is the public door."""
