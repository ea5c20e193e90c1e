"""Personal values on their way to a disk: sealed under their lead's key, or left out."""
