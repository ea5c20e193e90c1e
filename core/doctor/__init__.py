"""``python -m core doctor``: what is configured, reachable and behind, and what to do about it."""

from core.doctor.examine import examine
from core.doctor.result import Finding, State

__all__ = ["Finding", "State", "examine"]
