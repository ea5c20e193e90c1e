"""Names for types that many modules share."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

Document = dict[str, Any]
"""A MongoDB document, or JSON data."""
Period = tuple[datetime, datetime]
"""A half-open period [start, end), in UTC."""
Progress = Callable[[str, int, int], object]
"""Called with what is worked on, how much of it is done, and of how much."""
