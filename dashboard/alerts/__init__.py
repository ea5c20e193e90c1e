"""The Alerts page: cards and their actions, history, channels, rules."""
