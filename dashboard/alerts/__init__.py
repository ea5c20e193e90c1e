"""The Alerts page: cards, what people do about them, history, channels, rules."""
