"""Questions that roll-ups do not answer: a columnar copy of the calls, without personal data, and DuckDB over it."""
