"""Where alerts stand: pending, firing, resolved; and where that is stored."""
