"""The Compliance page: calls held against the rules of calling."""
