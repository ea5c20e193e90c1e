"""What only the page Explore has."""
