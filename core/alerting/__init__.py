"""Alert rules, their evaluation, the state of each alert, and delivery."""
