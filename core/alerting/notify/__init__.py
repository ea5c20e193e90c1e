"""Who is told what, and when: muting, deduplication, the outbox, sending."""
