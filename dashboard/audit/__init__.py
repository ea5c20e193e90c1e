"""The Audit page: who looked at, took, changed or erased what, and whether the log is whole."""
