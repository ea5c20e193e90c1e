"""The demo: a simulated agent, to try the product without making phone calls."""
