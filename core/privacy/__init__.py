"""Keeping what identifies or authenticates a person out of sight."""
