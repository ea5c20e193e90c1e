"""What is written to the audit log of those who ask the API."""
