"""Behind core.logging_config: turn a record into a masked JSON line, written by one background thread."""
