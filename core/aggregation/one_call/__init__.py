"""What can be said about one call, by pure functions: its timeline, its waits, how it ended."""
