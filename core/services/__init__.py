"""What the agent imports to record calls and to send alerts."""
