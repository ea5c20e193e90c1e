"""Erase everything that is stored about a lead."""

from core.erasure.lead import erase_again, erase_lead, find_traces
from core.erasure.restriction import erase_due, restrict_lead
from core.erasure.traces import Traces

__all__ = ["Traces", "erase_again", "erase_due", "erase_lead", "find_traces", "restrict_lead"]
