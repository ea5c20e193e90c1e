"""Calls of a Pipecat bot, recorded without a line of its code; see docs/sources/pipecat.md."""
