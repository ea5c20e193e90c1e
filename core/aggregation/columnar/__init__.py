"""Queries that roll-ups cannot answer: a columnar copy of calls, without personal data, and DuckDB."""
