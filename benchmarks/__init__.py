"""Every figure the project claims, measured beside what people use today."""
