"""Panels: a title, a headline, a chart and the table behind it; and the boards that pages show."""
