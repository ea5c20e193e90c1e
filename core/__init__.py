"""Logging, metrics, aggregation and alerting for an AI voice agent."""

__version__ = "0.2.0"
