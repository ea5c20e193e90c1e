"""What is asked of calls and of the system: lists with their figures, as JSON or as files."""
