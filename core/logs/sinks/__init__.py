"""Where log lines go: stdout, a rotated file, and services that are shipped to."""
