"""A simulated agent, so that the product can be seen without a telephone."""
