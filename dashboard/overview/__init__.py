"""The Overview page: signs of life and active alerts."""
