"""What there is to tell of one call, by pure functions: its clock, what was waited for, how it ended."""
