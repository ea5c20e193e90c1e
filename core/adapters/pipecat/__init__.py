"""Calls of a Pipecat bot, recorded without changing its code; see docs/sources/pipecat.md."""
