"""Where log lines go: stdout, a rotated file, and services they are shipped to."""
