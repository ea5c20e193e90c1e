"""The Audit page: who viewed, exported, changed or erased what, and whether the log is intact."""
