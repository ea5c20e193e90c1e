"""What environment variables hold: kinds of values, and the settings that protect people's data."""
