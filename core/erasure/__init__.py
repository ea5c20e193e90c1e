"""Erase everything that is stored about a lead."""

from core.erasure.again import erase_again, erase_late
from core.erasure.lead import erase_lead, find_traces
from core.erasure.restriction import erase_due, restrict_lead
from core.erasure.traces import Traces

__all__ = [
    "Traces",
    "erase_again",
    "erase_due",
    "erase_late",
    "erase_lead",
    "find_traces",
    "restrict_lead",
]
