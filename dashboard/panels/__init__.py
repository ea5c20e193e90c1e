"""Panels (a title, a headline, a chart and its table) and the boards of panels that pages show."""
