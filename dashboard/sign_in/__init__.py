"""Signing in: the door in front of the dashboard, its pages, cookies, and trusted proxies."""
