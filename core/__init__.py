"""Logging, metrics, aggregation and alerting for an AI voice agent."""
