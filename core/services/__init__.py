"""What the agent imports to record and to alert."""
