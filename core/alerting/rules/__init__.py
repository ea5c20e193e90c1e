"""Alert rules: the built-in ones, those of a file, those in the database, and what they can measure."""
