"""Commands about who gets in, what they did, and whose data there is."""
