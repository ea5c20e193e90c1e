"""Benchmarks: every figure the project claims, measured next to what people use today."""
