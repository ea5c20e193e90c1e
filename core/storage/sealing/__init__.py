"""Personal values before they reach a disk: under the key of their lead, or not at all."""
