"""Propose a mapping for a file that has none: what its columns seem to mean, and why."""

from core.importing.proposing.proposal import Proposal, propose

__all__ = ["Proposal", "propose"]
