"""What roll-ups do not tell of conversations: waits for a person, changes of language, silences."""
