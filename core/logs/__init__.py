"""Behind core.logging_config: a record becomes a masked JSON line, written by one background thread."""
