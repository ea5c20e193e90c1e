"""Signing in: the door before the dashboard, its page, and whose word about a client counts."""
