"""Queries about calls and the system: lists with their figures, as JSON or as files."""
