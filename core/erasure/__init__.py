"""Erasing all that is stored of a lead."""

from core.erasure.lead import erase_again, erase_lead, find_traces
from core.erasure.traces import Traces

__all__ = ["Traces", "erase_again", "erase_lead", "find_traces"]
