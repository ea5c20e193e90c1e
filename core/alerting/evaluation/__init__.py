"""What a rule sees: its value over the calls of a window, compared with thresholds or past weeks."""
