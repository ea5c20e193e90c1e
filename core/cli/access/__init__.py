"""Commands for users, keys, the audit log, breaches and erasure."""
