"""Reports that leave the screen."""
