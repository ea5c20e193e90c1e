"""Plotly figures: pure functions from a frame to a chart."""
