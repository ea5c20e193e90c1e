"""Who is notified of what, and when: muting, deduplication, the outbox, sending."""
