"""The sentence that says what happened, and its reasons."""
