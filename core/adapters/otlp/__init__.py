"""Calls from the spans that voice frameworks export (OTLP); see docs/sources/otlp.md."""
