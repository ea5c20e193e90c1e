"""What the audit log records about users of the API."""
