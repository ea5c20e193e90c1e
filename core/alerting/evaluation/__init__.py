"""What a rule sees: its value over the calls of a window, held against thresholds or past weeks."""
