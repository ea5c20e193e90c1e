"""The state of alerts: pending, firing, resolved; and where it is stored."""
