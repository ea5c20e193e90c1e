"""Who may see and do what, and who it was."""
