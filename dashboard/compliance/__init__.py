"""The Compliance page: calls checked against the calling rules."""
