"""What a breach affects: whose data, which fields, which days, and who read them."""

from core.access.breach.report import Breach, examine
from core.access.breach.scope import of_days, read_by

__all__ = ["Breach", "examine", "of_days", "read_by"]
