"""What happened in a period, in one computed sentence, and what explains it."""

from core.aggregation.story.shape import Reason, Story
from core.aggregation.story.tell import tell

__all__ = ["Reason", "Story", "tell"]
