"""What people on call do: acknowledge and close alerts, start and end silences, read rules."""
