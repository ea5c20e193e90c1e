"""Questions that roll-ups do not answer: a columnar copy of calls, without personal data, and DuckDB."""
